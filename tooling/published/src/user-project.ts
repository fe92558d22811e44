import { inject } from 'vitest'
import { UserProject } from './project'
import type {} from './setup'

/** The project with all packages installed that the tests share. */
export const userProject = new UserProject(inject('folder'), new Map(inject('tarballs')))
