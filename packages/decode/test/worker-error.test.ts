import { expect, test } from 'vitest';
import { DecodeError } from '../src/decode-error.ts';
import { rebuildError, recordError } from '../src/worker-error.ts';

function cross(error: unknown): Error & { readonly code?: string } {
  return rebuildError(structuredClone(recordError(error)));
}

test('a DecodeError arrives as a DecodeError with its code and cause', () => {
  const error = cross(new DecodeError('decode/unsupported', 'open: no', { cause: new RangeError('why') }));
  expect(error).toBeInstanceOf(DecodeError);
  expect(error).toMatchObject({ code: 'decode/unsupported', message: 'open: no', isRecoverable: false });
  expect(error.cause).toMatchObject({ name: 'RangeError', message: 'why' });
});

test('an error of Node keeps its code and context', () => {
  const error = cross(Object.assign(new Error('EBADF: bad file descriptor, read'), { errno: -9, code: 'EBADF', syscall: 'read' }));
  expect(error).toMatchObject({ name: 'Error', code: 'EBADF', errno: -9, syscall: 'read' });
});

test('what cannot be cloned stays behind and does not stop the rest', () => {
  const cyclic: Record<string, unknown> = { depth: 1 };
  cyclic['self'] = cyclic;
  const error = cross(
    Object.assign(new Error('read: failed'), {
      cyclic,
      method: () => 1,
      url: new URL('http://a.b'),
      range: { start: 1n, tags: ['x', null] },
    }),
  );
  expect(error).toMatchObject({ range: { start: 1n, tags: ['x', null] } });
  expect(Object.keys(error).sort()).toEqual(['range']);
});

test('a chain of causes that bites its tail is cut', () => {
  const error = new Error('first');
  error.cause = new Error('second', { cause: error });
  let depth = 0;
  for (let at: unknown = cross(error); at instanceof Error; at = at.cause) depth += 1;
  expect(depth).toBeGreaterThan(2);
  expect(depth).toBeLessThan(12);
});

test('a WebAssembly trap that nobody translated is a trap', () => {
  expect(cross(new WebAssembly.RuntimeError('unreachable'))).toMatchObject({ name: 'DecodeError', code: 'decode/trap' });
});

test('something that is no error becomes a source error', () => {
  expect(cross({ odd: true })).toMatchObject({ name: 'DecodeError', code: 'decode/source' });
});
