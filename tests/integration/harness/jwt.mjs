// JSON Web Tokens, made with node's own crypto: independent of what walpiper checks them with.
import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto';

const encode = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export const now = () => Math.floor(Date.now() / 1000);

/** A token of any head and claims (objects, or text as it stands); SIGNER(input) gives the signature. */
export function compact(head, claims, signer) {
  const input = `${encode(head)}.${encode(claims)}`;
  return `${input}.${signer(input).toString('base64url')}`;
}

const hash = (algorithm) => `sha${algorithm.slice(2)}`;

export const hmac = (algorithm, secret) => (input) =>
  createHmac(hash(algorithm), secret).update(input).digest();

export const asymmetric = (algorithm, key) => (input) => {
  if (algorithm.startsWith('ES')) return sign(hash(algorithm), input, { key, dsaEncoding: 'ieee-p1363' });
  if (!algorithm.startsWith('PS')) return sign(hash(algorithm), input, key);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return sign(hash(algorithm), input, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
};

/** How long tokens are good unless they say something else. */
export const tokenMs = 3600_000;

/** A good token. */
export const hsToken = (secret, claims, algorithm = 'HS256') =>
  compact({ alg: algorithm, typ: 'JWT' }, { exp: now() + tokenMs / 1000, ...claims }, hmac(algorithm, secret));

/** {jwk, publicKey, token(claims, head)}: a key pair for ALGORITHM, named KID. */
export function keyPair(algorithm, kid) {
  const { publicKey, privateKey } = algorithm.startsWith('ES')
    ? generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    publicKey,
    privateKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' },
    token: (claims, head) =>
      compact({ alg: algorithm, kid, ...head }, { exp: now() + tokenMs / 1000, ...claims }, asymmetric(algorithm, privateKey)),
  };
}
