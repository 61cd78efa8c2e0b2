/** The definitions in `proto/`, as gRPC wants them. */
import { fileURLToPath } from 'node:url';
import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

/** Where a checkout and an installed package alike have it, seen from dist/console. */
function fileOf(name: string): string {
  return fileURLToPath(new URL(`../../proto/${name}`, import.meta.url));
}

/** Absent fields read as their defaults, but for those that say `optional`. */
export function loadDefinition(): PackageDefinition {
  const files = [fileOf('admin.proto'), fileOf('health.proto')];
  return loadSync(files, { longs: Number, enums: String, defaults: true, arrays: true, objects: true });
}

function serviceOf(definition: PackageDefinition, path: readonly string[]): ServiceClientConstructor {
  let at: unknown = loadPackageDefinition(definition);
  for (const name of path) at = (at as GrpcObject)[name];
  return at as ServiceClientConstructor;
}

export function adminService(definition: PackageDefinition): ServiceClientConstructor {
  return serviceOf(definition, ['ringpost', 'admin', 'v1', 'Admin']);
}

export function healthService(definition: PackageDefinition): ServiceClientConstructor {
  return serviceOf(definition, ['grpc', 'health', 'v1', 'Health']);
}
