import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('./tracks-memory.ts', import.meta.url));

test.each(['piece.mp3', 'piece-51.m4a', 'piece.flac', 'piece.ogg', 'piece.opus'])(
  '%s: a track that was played and sought makes its process no more than 15 MB larger',
  (path) => {
    const bytes = Number(execFileSync(process.execPath, [program, path], { encoding: 'utf8' }));
    expect(bytes).toBeLessThan(15e6);
    // A stream without memory would be one that was not played.
    expect(bytes).toBeGreaterThan(100_000);
  },
);
