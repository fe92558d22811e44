// Where paths lead in a page or a worker: to its server, from its own address.

import { type Checkpoint, httpSource, type OpenOptions, openUrl, type Source } from '@cria/checkpoint'

const urlOf = (path: string): string => new URL(path, location.href).href

export const openPath = (path: string, options: OpenOptions): Promise<Checkpoint> => openUrl(urlOf(path), options)

export const fileSource = (path: string): Promise<Source> => httpSource(urlOf(path))
