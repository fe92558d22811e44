// Where paths lead in Node: to its file system.

import { fileURLToPath } from 'node:url'
import type { Checkpoint, OpenOptions, Source } from '@cria/checkpoint'
import { openPath as openFilePath, fileSource as sourceOfFile } from '@cria/checkpoint/node'

const pathOf = (location: string): string => (location.startsWith('file:') ? fileURLToPath(location) : location)

export const openPath = (path: string, options: OpenOptions): Promise<Checkpoint> => openFilePath(pathOf(path), options)

export const fileSource = (path: string): Promise<Source> => sourceOfFile(pathOf(path))
