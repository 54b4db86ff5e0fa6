import { defineConfig } from 'vitest/config';

const projects = ['net', 'storage', 'assets', 'stream', 'hls', 'decode', 'sync'].map((name) => ({ name, dir: `packages/${name}` }));

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      ...projects,
      { name: 'player', dir: 'apps/player' },
      { name: 'fixtures', dir: 'fixtures' },
      { name: 'repository', dir: 'test' },
    ].map(({ name, dir }) => ({
      extends: true as const,
      test: { name, include: [`${dir}/test/**/*.test.ts`.replace('test/test', 'test')] },
    })),
  },
});
