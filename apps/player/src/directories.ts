import envPaths from 'env-paths';

/** Where Tutti keeps things unless it is told otherwise: the platform's own places for cache, settings and log. */
export const defaultDirectories = envPaths('tutti', { suffix: '' });
