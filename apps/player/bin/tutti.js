#!/usr/bin/env node
// Launcher in plain JavaScript that any Node runs: finds Node 24, turns the compile cache on, then starts the CLI.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import module from 'node:module';
import path from 'node:path';

const requiredMajor = 24;
const isNewEnough = Number(process.versions.node.split('.')[0]) >= requiredMajor;

if (isNewEnough) {
  module.enableCompileCache?.();
  const { main } = await import('../src/cli/main.ts');
  await main(process.argv);
} else {
  runWithBundledNode(findBundledNode());
}

/** The `node` package brings its own binary; it is a development dependency, so it is absent from a published install. */
function findBundledNode() {
  try {
    return path.join(path.dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  } catch {
    return undefined;
  }
}

function runWithBundledNode(node) {
  if (node === undefined) {
    process.stderr.write(`tutti needs Node ${requiredMajor} or newer, this is ${process.version}: install it from nodejs.org\n`);
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both processes: the child decides how to end.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(
      `tutti cannot start its bundled Node (${error.message}): run npm ci again, or use Node ${requiredMajor}\n`,
    );
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}
