/**
 * What the user named, as it may be shown, logged and kept: a URL, or what was meant to be one, without query, fragment and
 * credentials, anything else as it is.
 */
export function sourceLabel(source: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return source;
  const url = URL.parse(source);
  if (url === null || url.origin === 'null') return source.replace(/[?#].*$/s, '').replace(/\/\/[^/]*@/, '//');
  return `${url.origin}${url.pathname}`;
}
