/** ISO 15924 codes of the scripts that Unicode 15 gives to characters, without Common and Inherited. */
const codes = (
  'Adlm Aghb Ahom Arab Armi Armn Avst Bali Bamu Bass Batk Beng Bhks Bopo Brah Brai Bugi Buhd Cakm Cans Cari Cham Cher ' +
  'Chrs Copt Cpmn Cprt Cyrl Deva Diak Dogr Dsrt Dupl Egyp Elba Elym Ethi Geor Glag Gong Gonm Goth Gran Grek Gujr Guru ' +
  'Hang Hani Hano Hatr Hebr Hira Hluw Hmng Hmnp Hung Ital Java Kali Kana Kawi Khar Khmr Khoj Kits Knda Kthi Lana Laoo ' +
  'Latn Lepc Limb Lina Linb Lisu Lyci Lydi Mahj Maka Mand Mani Marc Medf Mend Merc Mero Mlym Modi Mong Mroo Mtei Mult ' +
  'Mymr Nagm Nand Narb Nbat Newa Nkoo Nshu Ogam Olck Orkh Orya Osge Osma Ougr Palm Pauc Perm Phag Phli Phlp Phnx Plrd ' +
  'Prti Rjng Rohg Runr Samr Sarb Saur Sgnw Shaw Shrd Sidd Sind Sinh Sogd Sogo Sora Soyo Sund Sylo Syrc Tagb Takr Tale ' +
  'Talu Taml Tang Tavt Telu Tfng Tglg Thaa Thai Tibt Tirh Tnsa Toto Ugar Vaii Vith Wara Wcho Xpeo Xsux Yezi Yiii Zanb'
).split(' ')

/** The script of no character in particular: `▁` and combining marks take that of their neighbours. */
export const anyScript = 0
const common = 1
const firstScript = 2

/**
 * The script of a character as SentencePiece's trainer takes it: kana count as Han, so that Japanese words may mix them;
 * a combining mark (Inherited) has the script of its base character.
 */
export class Scripts {
  private readonly expressions = codes.map(code => new RegExp(`\\p{Script=${code}}`, 'u'))
  private readonly han = codes.indexOf('Hani') + firstScript
  private readonly kana = new Set(['Hira', 'Kana'].map(code => codes.indexOf(code) + firstScript))

  of(char: string): number {
    if (char === 'ー') return this.han
    if (/\p{Script=Zinh}/u.test(char)) return anyScript
    const index = this.expressions.findIndex(expression => expression.test(char))
    const script = index < 0 ? common : index + firstScript
    return this.kana.has(script) ? this.han : script
  }
}
