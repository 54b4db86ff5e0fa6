// Builds every publishable package, or those given after the folder: JavaScript and types instead of TypeScript, one tarball each, in
// dist/ or the folder given.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rolldown } from 'rolldown';

const root = path.resolve(import.meta.dirname, '..');
const output = path.resolve(process.argv[2] ?? path.join(root, 'dist'));
/** Inside the repository, so that the compiler finds the libraries in its node_modules. */
const stage = path.join(root, `.cache/pack-${process.pid}`);

/** In the order of their imports: each is compiled against the types of those before it. */
const packages = [
  'packages/net',
  'packages/storage',
  'packages/decode',
  'packages/sync',
  'packages/assets',
  'packages/stream',
  'packages/hls',
  'apps/player',
];

const wanted = process.argv.slice(3);
const unknown = wanted.find((folder) => !packages.includes(folder));
if (unknown !== undefined) throw new Error(`pack: no package ${unknown}; there are ${packages.join(', ')}`);
const chosen = wanted.length === 0 ? packages : packages.filter((folder) => wanted.includes(folder));

interface PackageJson {
  name: string;
  version: string;
  exports: Record<string, Entry>;
  files?: string[];
  repository?: unknown;
}

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
mkdirSync(path.join(stage, 'node_modules/@tutti'), { recursive: true });
try {
  for (const folder of chosen) console.log(path.relative(process.cwd(), await pack(folder)));
} finally {
  rmSync(stage, { recursive: true });
}

async function pack(folder: string): Promise<string> {
  const source = path.join(root, folder);
  const target = path.join(stage, 'packages', path.basename(folder));
  const keep = (name: string): boolean =>
    !['test', 'node_modules', 'tsconfig.json', 'symphonia-wasm', 'heaac-wasm'].includes(path.relative(source, name));
  cpSync(source, target, { recursive: true, filter: keep });
  for (const license of readdirSync(root).filter((name) => /^(LICENSE|NOTICE)/.test(name)))
    cpSync(path.join(root, license), path.join(target, license));

  const description = JSON.parse(readFileSync(path.join(target, 'package.json'), 'utf8')) as PackageJson;
  symlinkSync(target, path.join(stage, 'node_modules', description.name));
  compile(target);
  rewriteUrls(target);
  if (folder === 'packages/decode') await joinDecodeThread(target);
  if (folder === 'apps/player') await bundleCommand(target);
  description.exports = Object.fromEntries(Object.entries(description.exports).map(([name, entry]) => [name, distEntry(entry)]));
  description.files = ['dist', 'bin', 'wasm', 'demo', 'LICENSE*', 'NOTICE*'].filter(
    (name) => name.includes('*') || existsSync(path.join(target, name)),
  );
  writeFileSync(path.join(target, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
  const [made] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', output], target)) as { filename: string }[];
  if (made === undefined) throw new Error(`npm pack made nothing of ${folder}`);
  return path.join(output, made.filename);
}

function compile(target: string): void {
  const config = {
    extends: path.join(root, 'tsconfig.base.json'),
    compilerOptions: { noEmit: false, declaration: true, rootDir: 'src', outDir: 'dist' },
    include: ['src'],
  };
  writeFileSync(path.join(target, 'tsconfig.json'), JSON.stringify(config));
  run(path.join(root, 'node_modules/.bin/tsc'), ['-p', target], root);
  rmSync(path.join(target, 'tsconfig.json'));
}

/** The compiler rewrites imports only: URLs of workers and reader modules, types' imports and the launcher are rewritten here. */
function rewriteUrls(target: string): void {
  for (const name of readdirSync(path.join(target, 'dist'), { recursive: true }).map(String)) {
    if (/\.(js|d\.ts)$/.test(name)) {
      rewrite(path.join(target, 'dist', name), (text) =>
        text
          .replaceAll(/(new URL\(\s*['"]\.[^'"]+)\.ts(['"])/g, '$1.js$2')
          .replaceAll(/((?:from|import\()\s*['"]\.[^'"]+)\.ts(['"])/g, '$1.js$2'),
      );
    }
  }
  const bin = path.join(target, 'bin');
  if (!existsSync(bin)) return;
  for (const name of readdirSync(bin)) {
    rewrite(path.join(bin, name), (text) => text.replaceAll(/'\.\.\/src\/([^']+)\.ts'/g, "'../dist/$1.js'"));
  }
}

/**
 * The decode thread in one file: finding twenty modules takes about as long as the thread itself. Apart stay the class of its errors,
 * which reader modules throw too, and what it loads only when it needs it.
 */
async function joinDecodeThread(target: string): Promise<void> {
  const file = path.join(target, 'dist/worker.js');
  const build = await rolldown({ input: file, platform: 'node', external: [/\/decode-error\.js$/, /\/opus-packet-decoder\.js$/] });
  await build.write({ file });
  await build.close();
}

/**
 * The command with everything that it imports in a few files: finding hundreds of modules would take longer than fetching the first
 * segment. What is found by its URL beside the module that names it (threads, their reader modules) gets its name here too.
 */
async function bundleCommand(target: string): Promise<void> {
  const build = await rolldown({
    input: { main: path.join(target, 'dist/cli/main.js'), ...modulesByUrl() },
    platform: 'node',
    // Native code, what starts threads of its own, and what `ws` uses where it is installed.
    external: ['node-web-audio-api', 'pino', 'bufferutil', 'utf-8-validate'],
    transform: { define: { __filename: 'import.meta.filename', __dirname: 'import.meta.dirname' } },
    onLog: (level, log, report) => (log.code === 'EVAL' ? undefined : report(level, log)),
  });
  await build.write({ dir: path.join(target, 'dist/command'), entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
  await build.close();
  for (const name of ['symphonia.wasm', 'heaac.wasm'])
    cpSync(path.join(stage, 'packages/decode/wasm', name), path.join(target, 'dist/wasm', name));
  rewrite(path.join(target, 'bin/tutti.js'), (text) => text.replace('../dist/cli/main.js', '../dist/command/main.js'));
}

/** Every compiled module that another one names by its URL, by the name that it must have beside the bundle. */
function modulesByUrl(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const folder of packages) {
    const dist = path.join(stage, 'packages', path.basename(folder), 'dist');
    for (const name of readdirSync(dist, { recursive: true }).map(String)) {
      if (!name.endsWith('.js')) continue;
      const file = path.join(dist, name);
      for (const [, module = ''] of readFileSync(file, 'utf8').matchAll(/new URL\(\s*'\.\/([^']+)\.js', import\.meta\.url\)/g))
        found[path.basename(module)] = path.resolve(path.dirname(file), `${module}.js`);
    }
  }
  return found;
}

type Entry = string | { readonly [condition: string]: Entry };

/** The compiled file and its types, below each condition. */
function distEntry(source: Entry): Entry {
  if (typeof source !== 'string')
    return Object.fromEntries(Object.entries(source).map(([condition, entry]) => [condition, distEntry(entry)]));
  const compiled = source.replace('./src/', './dist/').replace(/\.ts$/, '');
  return { types: `${compiled}.d.ts`, default: `${compiled}.js` };
}

function rewrite(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

function run(command: string, parameters: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, parameters, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && 'stderr' in error)
      process.stderr.write(`${String(error.stdout)}${String(error.stderr)}`);
    throw error;
  }
}
