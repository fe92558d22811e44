import type { Contender } from './hosts/contender'
import type { Sample } from './job'

/**
 * Runs contenders one after the other, round by round (A B A B …), so that a disturbance of the machine hits all of them. The
 * first round warms up and is not counted.
 * @returns the samples of each contender, one a round
 */
export const interleave = async (
  contenders: readonly Pick<Contender, 'run'>[],
  rounds: number,
  onRound: (round: number) => void = () => {},
): Promise<Sample[][]> => {
  const samples: Sample[][] = contenders.map(() => [])
  for (let round = 0; round <= rounds; round++) {
    onRound(round)
    for (const [i, contender] of contenders.entries()) {
      const sample = await contender.run()
      if (round > 0) samples[i].push(sample)
    }
  }
  return samples
}
