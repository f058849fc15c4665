/** The account of whoever runs this Sheaf: the one that is meant where a request names none. */
export const DEFAULT_ACCOUNT = 'default';
