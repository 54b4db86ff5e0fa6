import { DecodeError } from './decode-error.ts';

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Compiles a WebAssembly module, once per process or page. A failed load is not remembered. */
export async function loadWasmModule(url: URL): Promise<WebAssembly.Module> {
  const known = compiled.get(url.href);
  if (known !== undefined) return known;
  const loading = compile(url);
  compiled.set(url.href, loading);
  loading.catch(() => compiled.delete(url.href));
  return loading;
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  // An import, even one never reached, would keep bundlers from building this for a browser.
  if (url.protocol === 'file:') return WebAssembly.compile(await process.getBuiltinModule('node:fs/promises').readFile(url));
  const response = await fetch(url);
  if (!response.ok) throw new DecodeError('decode/source', `load ${url.pathname}: the server answered ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}
