import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((name) => name !== '' && existsSync(path.join(root, name)));
const lineCount = (name: string): number => readFileSync(path.join(root, name), 'utf8').split('\n').length - 1;

describe('the repository', () => {
  test('no source file is longer than 500 lines', () => {
    const sources = files.filter((name) => /\.(ts|js|rs)$/.test(name));
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter((name) => lineCount(name) > 500)).toEqual([]);
  });

  test('every package has a README of at most 80 lines and an index of at most 40', () => {
    const packages = files
      .filter((name) => /^(packages\/[^/]+|apps\/[^/]+)\/package\.json$/.test(name))
      .map((name) => path.dirname(name));
    expect(packages).toHaveLength(8);
    for (const folder of packages) {
      expect(lineCount(`${folder}/README.md`), folder).toBeLessThanOrEqual(80);
      expect(lineCount(`${folder}/src/index.ts`), folder).toBeLessThanOrEqual(40);
    }
  });

  test('no tracked text names a path of somebody’s machine', () => {
    const texts = files.filter((name) => /\.(ts|js|rs|md|json|toml)$/.test(name) && name !== 'package-lock.json');
    const machinePath = new RegExp(['/home', '/root', '/Users', '/work'].map((folder) => `${folder}/[a-z]`).join('|'));
    expect(texts.filter((name) => machinePath.test(readFileSync(path.join(root, name), 'utf8')))).toEqual([]);
  });

  test('the runtime is Node 24 or newer', () => {
    expect(Number(process.versions.node.split('.')[0])).toBeGreaterThanOrEqual(24);
  });
});
