// Builds every publishable package: JavaScript and types instead of TypeScript, one tarball each, in dist/ or the folder given.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

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

interface PackageJson {
  name: string;
  version: string;
  exports: Record<string, unknown>;
  files?: string[];
  repository?: unknown;
}

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
mkdirSync(path.join(stage, 'node_modules/@tutti'), { recursive: true });
try {
  for (const folder of packages) console.log(path.relative(process.cwd(), pack(folder)));
} finally {
  rmSync(stage, { recursive: true });
}

function pack(folder: string): string {
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
  description.exports = Object.fromEntries(
    Object.entries(description.exports).map(([name, entry]) => [name, distEntry(String(entry))]),
  );
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

function distEntry(source: string): Record<string, string> {
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
