import { Story } from './story'

export default function Page() {
  return <Story />
}
