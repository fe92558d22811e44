export { prepare } from '../jobs/gpu-ceilings'
