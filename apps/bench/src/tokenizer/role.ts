import type { Role } from '../report/report'
import { cria } from './contenders'

export const roleOf = (name: string): Role => (name === cria.name ? 'cria' : 'peer')
