import type { ApiServices } from '../../src/api/app.ts';

type SignIn = Pick<
  ApiServices,
  'principals' | 'passwords' | 'passwordHashes' | 'sessions' | 'throttle' | 'tokens' | 'signingKeys'
>;

/** Signing in is tested where there is a database; here accounts have names, and that is all. */
export function signInInMemory(): SignIn {
  const nobody = new Proxy({}, { get: () => () => Promise.reject(new Error('nobody signs in in memory')) });
  return {
    principals: { ...nobody, nameOfAccount: async (id: string) => `name of ${id}` },
    ...{ passwords: nobody, passwordHashes: nobody, sessions: nobody },
    ...{ throttle: nobody, tokens: nobody, signingKeys: nobody },
  } as SignIn;
}
