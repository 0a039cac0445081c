/** Two words and how near their meanings are to people: 2 near, 1 somewhat, 0 not. */
export interface WordPair {
  readonly first: string;
  readonly second: string;
  readonly grade: number;
}

/** first is to second as third is to fourth. */
export interface Analogy {
  readonly kind: string;
  readonly first: string;
  readonly second: string;
  readonly third: string;
  readonly fourth: string;
}

/**
 * Written down for fixhead, before any vectors were trained, from words that American public speech of three centuries uses: near are
 * synonyms, opposites and members of one kind; somewhat near are words of one subject; the others are words of those pairs put
 * together anew. A judgement of one person in three steps, which tells good vectors from bad ones, not the best from the second best.
 */
const graded: Readonly<Record<0 | 1 | 2, string>> = {
  2: `war peace, army navy, president congress, north south, east west, increase decrease, increase reduction, men women, sons daughters,
    children families, treaty convention, exports imports, gold silver, winter summer, january february, december november, france spain,
    britain france, germany italy, russia china, agriculture manufactures, income revenue, senate house, law statute, iraq iran, jobs wages,
    schools colleges, teachers students, doctors hospitals, freedom liberty, enemy enemies, citizens people, hundred thousand, ten twenty,
    cattle sheep, wheat corn, ships vessels, soldiers sailors, judge court, duty obligation, good bad, large small, begin end, buy sell,
    friends allies, state territory, year month, first second, oil gas, railroads railways, tariff duties, island islands`,
  1: `war soldiers, navy ships, congress law, judge crime, tax income, bank money, gold money, school children, teachers education,
    doctors health, hospitals care, farmers wheat, agriculture land, railroads commerce, treaty nations, peace treaty, trade exports,
    workers jobs, family home, energy oil, budget deficit, debt interest, mexico texas, spain cuba, island pacific, officers army,
    mail post, indian tribes, river harbor, nuclear weapons, space earth, drugs crime, welfare poverty, freedom people, vote election,
    mines coal, fish fisheries, science research, internet computers, pension veterans`,
  0: `war wheat, navy teachers, congress coal, judge cattle, tax winter, bank soldiers, gold hospitals, school treaty, railroads
    daughters, doctors ships, hospitals silver, farmers nuclear, cattle statute, tribes deficit, island wages, officers corn, mail
    energy, river crime, weapons fish, space tariff, drugs convention, winter court, summer revenue, january workers, december schools,
    wheat liberty, sheep senate, vessels income, sailors budget, france oil, spain teachers, mexico doctors, russia farmers, cuba
    computers, twenty river, thousand peace, women harbor, sons exports, veterans gas, pacific poverty, coal election, post enemies,
    debt sheep, interest sailors, home mines, science cattle, tariff children, pension rivers, silver friends, corn president`,
};

const analogyText: Readonly<Record<string, string>> = {
  plural: `nation nations, citizen citizens, year years, law laws, treaty treaties, country countries, man men, woman women, child
    children, ship ships, school schools, bank banks, right rights, power powers, duty duties`,
  past: `make made, give gave, take took, become became, come came, know knew, begin began, find found, see saw, bring brought, think
    thought, send sent, hold held`,
  comparative:
    'great greater, large larger, strong stronger, high higher, low lower, small smaller, long longer, safe safer, old older',
  superlative: 'great greatest, large largest, high highest, strong strongest, good best, long longest, low lowest',
  nationality: `france french, britain british, spain spanish, mexico mexican, germany german, china chinese, japan japanese, russia
    russian, america american, cuba cuban`,
  opposite: 'north south, east west, increase decrease, exports imports, northern southern, eastern western',
  kin: 'man woman, men women, sons daughters, father mother, husband wife, he she, himself herself, his her',
};

const pairsOf = (text: string): readonly (readonly [string, string])[] =>
  text.split(',').map((pair) => {
    const [first = '', second = ''] = pair.trim().split(/\s+/);
    return [first, second] as const;
  });

/** Pairs of words graded by nearness of meaning (how they were chosen stands beside them in the source). */
export const wordPairs: readonly WordPair[] = Object.freeze(
  ([2, 1, 0] as const).flatMap((grade) => pairsOf(graded[grade]).map(([first, second]) => ({ first, second, grade }))),
);

/**
 * Questions "a is to b as c is to …?" of grammar, nationality and opposites in words of American public speech, written down for
 * fixhead as pairs: each pair asks with the next two of its kind.
 */
export const analogySet: readonly Analogy[] = Object.freeze(
  Object.entries(analogyText).flatMap(([kind, text]) => {
    const pairs = pairsOf(text);
    return pairs.flatMap(([first, second], index) =>
      [1, 2].map((step) => {
        const [third, fourth] = pairs[(index + step) % pairs.length] ?? ['', ''];
        return { kind, first, second, third, fourth };
      }),
    );
  }),
);
