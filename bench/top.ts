/**
 * `node dist/bench/top.js [--top N] FILE.cpuprofile …`: where the time of a process went. Self time by function and by file, of what the
 * process was busy for; several profiles (the nodes of a cluster) are added up.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from './figures.ts';
import { type Interval, windowsBeside } from './profiles.ts';

/** What is used of Chrome's format. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** µs on the monotonic clock. */
  readonly startTime: number;
  /** Ids of nodes, one a sample. */
  readonly samples: readonly number[];
  /** µs from the sample before. */
  readonly timeDeltas: readonly number[];
}
interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Place {
  readonly file: string;
  readonly name: string;
  selfUs: number;
}

const usage = `Usage: node dist/bench/top.js [options] FILE.cpuprofile …

  --window NAME   of the windows that the benchmark measured, only this one: calls, read, one2one … (default: all)
  --whole         all of the time, from start to end
  --top N         how many functions and files to show (default 25)
`;

const everything: readonly Interval[] = [[Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]];

function main(): void {
  const { values, positionals } = parseArgs({
    options: {
      window: { type: 'string' },
      whole: { type: 'boolean' },
      top: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  const most = Number(values.top ?? 25);
  if (values.help || positionals.length === 0 || !(most > 0)) {
    process.stdout.write(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const places = new Map<string, Place>();
  for (const path of positionals) {
    const profile = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile;
    add(profile, values.whole ? everything : intervalsOf(path, values.window), places);
  }
  const idleUs = places.get('(idle)')?.selfUs ?? 0;
  places.delete('(idle)');
  process.stdout.write(`${report([...places.values()], idleUs, most)}\n`);
}

function intervalsOf(path: string, name: string | undefined): readonly Interval[] {
  const windows = windowsBeside(path);
  if (windows === undefined) return everything;
  if (name === undefined) return Object.values(windows);
  const window = windows[name];
  if (window === undefined) throw new Error(`no window ${name} was measured: ${Object.keys(windows).join(', ')}`);
  return [window];
}

function add(profile: CpuProfile, intervals: readonly Interval[], places: Map<string, Place>): void {
  const { nodes, samples, timeDeltas, startTime } = profile;
  const placeOf = new Map<number, Place>();
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame;
    const file = fileOf(url, functionName);
    const name = functionName || '(anonymous)';
    const key = url === '' ? name : `${file}:${lineNumber}:${name}`;
    const place = places.get(key) ?? { file, name: url === '' ? name : `${name} :${lineNumber + 1}`, selfUs: 0 };
    places.set(key, place);
    placeOf.set(id, place);
  }
  let atUs = startTime;
  samples.forEach((id, i) => {
    atUs += timeDeltas[i] ?? 0;
    const place = placeOf.get(id);
    if (place === undefined || !intervals.some(([fromUs, toUs]) => atUs >= fromUs && atUs < toUs)) return;
    // A sample's time is that up to the next one.
    place.selfUs += timeDeltas[i + 1] ?? 0;
  });
}

/** Compiled files by their path in the project; packages by their name and file. */
function fileOf(url: string, functionName: string): string {
  if (url === '') return functionName.startsWith('(') ? 'V8 and native code' : 'built into Node';
  if (url.startsWith('node:')) return url;
  const path = url.startsWith('file:') ? fileURLToPath(url) : url;
  const inPackage = path.lastIndexOf('/node_modules/');
  if (inPackage >= 0) return path.slice(inPackage + '/node_modules/'.length);
  const inDist = path.lastIndexOf('dist/');
  return inDist >= 0 ? path.slice(inDist + 'dist/'.length) : path;
}

function report(places: readonly Place[], idleUs: number, most: number): string {
  const busyUs = places.reduce((sum, { selfUs }) => sum + selfUs, 0);
  const share = (us: number): string => `${((100 * us) / busyUs).toFixed(1)} %`;
  const files = new Map<string, number>();
  for (const { file, selfUs } of places) files.set(file, (files.get(file) ?? 0) + selfUs);
  const functionRows = [...places]
    .sort((a, b) => b.selfUs - a.selfUs)
    .slice(0, most)
    .map(({ file, name, selfUs }) => [name, share(selfUs), `  ${file}`]);
  const fileRows = [...files]
    .sort((a, b) => b[1] - a[1])
    .slice(0, most)
    .map(([file, us]) => [file, share(us)]);
  const seconds = (us: number): string => (us / 1e6).toFixed(1);
  return [
    `Busy ${seconds(busyUs)} s, idle ${seconds(idleUs)} s. Main threads only; lines are those of the compiled files.`,
    table(['function', 'self', '  file'], functionRows),
    table(['file', 'self'], fileRows),
  ].join('\n\n');
}

main();
