// In a page or a worker, a path is a URL relative to the page. In Node, `#platform` is
// `@cria/checkpoint/node`, and a path is a path of the file system.

import { type Checkpoint, httpSource, type OpenUrlOptions, openUrl, type Source } from '@cria/checkpoint'

const urlOf = (path: string | URL): string => new URL(path, location.href).href

export const openPath = (path: string | URL, options: OpenUrlOptions): Promise<Checkpoint> =>
  openUrl(urlOf(path), options)

export const fileSource = (path: string | URL): Promise<Source> => httpSource(urlOf(path))
