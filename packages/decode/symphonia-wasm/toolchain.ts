import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Debian's Rust for browsers: the one compiler at hand that carries LLVM's WebAssembly target and the sources of the
 * standard library. It is unpacked, not installed, since its packages conflict with other Rust packages.
 */
const packages = [
  'rustc-web',
  'cargo-web',
  'rust-web-src',
  'libstd-rust-web-dev',
  'libllvm22',
  'lld-22',
  'liblld-22',
  'libgit2-1.5',
  'libhttp-parser2.9',
  'libmbedtls14',
  'libmbedx509-1',
  'libmbedcrypto7',
] as const;

export interface Toolchain {
  /** Folder that holds everything the build downloads and makes. */
  readonly cache: string;
  /** Where the packages are unpacked. */
  readonly root: string;
  /** Version by package name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly cargo: string;
  /** The standard library's workspace, with its dependencies in `vendor`. */
  readonly standardLibrarySources: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** The compiler's version that the package archive offers now, or `undefined` where there is no such archive. */
export function offeredCompiler(): string | undefined {
  return offeredVersion('rustc-web');
}

/** Downloads and unpacks the toolchain unless the offered version is there already. */
export function prepareToolchain(): Toolchain {
  const cache = process.env.TUTTI_TOOLCHAIN ?? join(homedir(), '.cache', 'tutti-toolchain');
  const versions: Record<string, string> = {};
  for (const name of [...packages, standardLibraryPackage()]) {
    const version = offeredVersion(name);
    if (version === undefined) throw new Error(`package ${name} is not offered here: Debian 12 with security updates is needed`);
    versions[name] = version;
  }
  const root = join(cache, `root-${versions['rustc-web'] ?? ''}`);
  if (!existsSync(join(root, '.complete'))) unpack(versions, cache, root);
  const usr = join(root, 'usr');
  return {
    cache,
    root,
    versions,
    cargo: join(usr, 'bin', 'cargo'),
    standardLibrarySources: join(usr, 'lib', 'rustlib', 'src', 'rust', 'library'),
    environment: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      HTTPS_PROXY: process.env.HTTPS_PROXY,
      LD_LIBRARY_PATH: join(usr, 'lib', 'x86_64-linux-gnu'),
      RUSTC: join(usr, 'bin', 'rustc'),
      RUSTC_BOOTSTRAP: '1',
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: join(usr, 'bin', 'wasm-ld-22'),
    },
  };
}

function unpack(versions: Readonly<Record<string, string>>, cache: string, root: string): void {
  const archives = join(cache, 'archives');
  mkdirSync(archives, { recursive: true });
  mkdirSync(root, { recursive: true });
  const wanted = Object.entries(versions).map(([name, version]) => `${name}=${version}`);
  console.log(`downloading ${wanted.length} packages of the toolchain`);
  execFileSync('apt-get', ['download', ...wanted], { cwd: archives, stdio: ['ignore', 'ignore', 'inherit'] });
  for (const [name, version] of Object.entries(versions)) {
    const prefix = `${name}_${version.replaceAll(':', '%3a')}_`;
    const archive = readdirSync(archives).find((file) => file.startsWith(prefix));
    if (archive === undefined) throw new Error(`apt-get did not download ${name} ${version}`);
    execFileSync('dpkg', ['-x', join(archives, archive), root]);
  }
  writeFileSync(join(root, '.complete'), '');
}

/** The standard library's package carries the compiler's version in its name. */
function standardLibraryPackage(): string {
  const listing = execFileSync('apt-cache', ['depends', 'libstd-rust-web-dev'], { encoding: 'utf8' });
  const name = /Depends: (libstd-rust-web-[\d.]+)/.exec(listing)?.[1];
  if (name === undefined) throw new Error('libstd-rust-web-dev is not offered here: run apt-get update first');
  return name;
}

function offeredVersion(name: string): string | undefined {
  try {
    const policy = execFileSync('apt-cache', ['policy', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /Candidate: (?!\(none\))(\S+)/.exec(policy)?.[1];
  } catch {
    return undefined;
  }
}

/** `name version` of the compiler as it calls itself. */
export function compilerName(toolchain: Toolchain): string {
  const rustc = toolchain.environment.RUSTC ?? 'rustc';
  return execFileSync(rustc, ['--version'], { env: toolchain.environment, encoding: 'utf8' }).trim();
}

/** Version of an installed npm package, from its manifest. */
export function installedVersion(manifest: URL): string {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return version;
}
