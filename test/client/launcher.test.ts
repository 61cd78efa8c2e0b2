import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

function launch(folder: string): Promise<{ readonly code: number; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(folder, 'bin/ringpost.js'), '--help'], (error, _, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stderr });
    });
  });
}

t.test('the launcher says what is missing', async (t) => {
  const folder = t.testdir({ bin: {}, 'package.json': '{"type":"module"}' });
  copyFileSync('bin/ringpost.js', join(folder, 'bin/ringpost.js'));
  t.match(await launch(folder), { code: 1, stderr: /npm ci/ });
  mkdirSync(join(folder, 'node_modules'));
  t.match(await launch(folder), { code: 1, stderr: /npm run build/ });
});
