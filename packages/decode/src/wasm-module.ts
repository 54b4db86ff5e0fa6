const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Compiles a WebAssembly module, once per process. A failed load is not remembered. */
export async function loadWasmModule(url: URL): Promise<WebAssembly.Module> {
  const known = compiled.get(url.href);
  if (known !== undefined) return known;
  const loading = compile(url);
  compiled.set(url.href, loading);
  loading.catch(() => compiled.delete(url.href));
  return loading;
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  if (url.protocol !== 'file:') return WebAssembly.compile(await (await fetch(url)).arrayBuffer());
  const { readFile } = await import('node:fs/promises');
  return WebAssembly.compile(await readFile(url));
}
