/** Names of one script, each with the ASCII form that its e-mail address takes. */
export interface People {
  /** Where such names are common: ISO 3166-1 alpha-2. */
  countries: readonly [string, ...string[]];
  given: readonly [Name, ...Name[]];
  family: readonly [Name, ...Name[]];
}

export type Name = readonly [written: string, ascii: string];

const LATIN: People = {
  countries: ['GB', 'US', 'IE', 'AU', 'NZ', 'CA'],
  given: [
    ['Olivia', 'olivia'],
    ['James', 'james'],
    ['Amelia', 'amelia'],
    ['Noah', 'noah'],
    ['Mary Jane', 'mary.jane'],
    ['Siân', 'sian'],
    ['Anna "Ann"', 'ann'],
  ],
  family: [
    ['Taylor', 'taylor'],
    ["O'Brien", 'obrien'],
    ['Smith, Jr.', 'smith.jr'],
    ['Fitz-Gerald', 'fitz-gerald'],
    ['King, MSc', 'king'],
  ],
};

const DIACRITICS: People = {
  countries: ['DE', 'FR', 'ES', 'PL', 'CZ', 'SE', 'TR', 'VN', 'IS', 'PT'],
  given: [
    ['Zoë', 'zoe'],
    ['François', 'francois'],
    ['Łukasz', 'lukasz'],
    ['Jürgen', 'juergen'],
    ['Çağla', 'cagla'],
    ['Nguyệt', 'nguyet'],
    ['Þóra', 'thora'],
  ],
  family: [
    ['Müller', 'mueller'],
    ['Núñez', 'nunez'],
    ['Dvořák', 'dvorak'],
    ['Åström', 'astrom'],
    ['Groß', 'gross'],
    ['da Conceição', 'conceicao'],
  ],
};

const CYRILLIC: People = {
  countries: ['UA', 'BG', 'RS', 'KZ'],
  given: [
    ['Олена', 'olena'],
    ['Димитър', 'dimitar'],
    ['Юлія', 'yuliia'],
    ['Љубица', 'ljubica'],
  ],
  family: [
    ['Шевченко', 'shevchenko'],
    ['Георгиев', 'georgiev'],
    ["Мар'яненко", 'marianenko'],
    ['Ђорђевић', 'djordjevic'],
  ],
};

const GREEK: People = {
  countries: ['GR', 'CY'],
  given: [
    ['Ελένη', 'eleni'],
    ['Γιώργος', 'giorgos'],
    ['Ναταλία', 'natalia'],
  ],
  family: [
    ['Παπαδόπουλος', 'papadopoulos'],
    ['Οικονόμου', 'oikonomou'],
  ],
};

const ARABIC: People = {
  countries: ['EG', 'MA', 'JO', 'AE'],
  given: [
    ['محمد', 'mohamed'],
    ['فاطمة', 'fatima'],
    ['ليلى', 'layla'],
  ],
  family: [
    ['الحسيني', 'al.husseini'],
    ['بن سعيد', 'bensaid'],
  ],
};

const HEBREW: People = {
  countries: ['IL'],
  given: [
    ['נועה', 'noa'],
    ['דוד', 'david'],
  ],
  family: [
    ['כהן', 'cohen'],
    ['בן־דוד', 'bendavid'],
  ],
};

const DEVANAGARI: People = {
  countries: ['IN', 'NP'],
  given: [
    ['प्रिया', 'priya'],
    ['अर्जुन', 'arjun'],
    ['लक्ष्मी', 'lakshmi'],
  ],
  family: [
    ['शर्मा', 'sharma'],
    ['त्रिपाठी', 'tripathi'],
  ],
};

const CHINESE: People = {
  countries: ['CN', 'TW', 'SG'],
  given: [
    ['小明', 'xiaoming'],
    ['雅婷', 'yating'],
    ['𠮷祥', 'jixiang'],
  ],
  family: [
    ['王', 'wang'],
    ['歐陽', 'ouyang'],
  ],
};

const JAPANESE: People = {
  countries: ['JP'],
  given: [
    ['さくら', 'sakura'],
    ['健太', 'kenta'],
    ['ジョン', 'john'],
  ],
  family: [
    ['佐藤', 'sato'],
    ['髙橋', 'takahashi'],
  ],
};

const KOREAN: People = {
  countries: ['KR'],
  given: [
    ['민준', 'minjun'],
    ['서연', 'seoyeon'],
  ],
  family: [
    ['김', 'kim'],
    ['박', 'park'],
  ],
};

/** Plain Latin names are told three times: most files hold more of them than of others. */
export const PEOPLES: readonly [People, ...People[]] = [
  LATIN,
  LATIN,
  LATIN,
  DIACRITICS,
  DIACRITICS,
  CYRILLIC,
  GREEK,
  ARABIC,
  HEBREW,
  DEVANAGARI,
  CHINESE,
  JAPANESE,
  KOREAN,
];
