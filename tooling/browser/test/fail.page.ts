/** Runs in the page: fails as asked. */
export default async function (how: 'throws' | 'hangs') {
  console.warn('before the end')
  if (how === 'hangs') await new Promise(() => {})
  throw new RangeError('no such shape')
}
