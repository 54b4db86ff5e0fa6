/** Header fields of one answer, names in lower case, as undici gives them. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** First value of a field. */
export function headerOf(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** All values of a field. */
export function headersOf(headers: ResponseHeaders, name: string): readonly string[] {
  const value = headers[name];
  return value === undefined ? [] : [value].flat();
}

/** Content-Type without parameters, lower case. */
export function mediaTypeOf(headers: ResponseHeaders): string | undefined {
  const type = headerOf(headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  return type === '' ? undefined : type;
}

/** Content coding in lower case; undefined for none and for `identity`. */
export function contentCodingOf(headers: ResponseHeaders): string | undefined {
  const coding = headerOf(headers, 'content-encoding')?.trim().toLowerCase();
  return coding === '' || coding === 'identity' ? undefined : coding;
}
