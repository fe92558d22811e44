import { firstLosses } from './first-losses'

export default firstLosses
