/** YaRN's attention temperature, 0.1 ln(s) + 1 (Peng et al., 2023, equation 22). */
export const yarnAttentionFactor = (factor: number): number => (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1)
