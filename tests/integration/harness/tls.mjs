// Certificates for one test: an authority of our own, and what it signs.
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.mjs';

async function openssl(...args) {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

export class Authority {
  constructor(directory, name = 'ca') {
    this.directory = directory;
    this.name = name;
    [this.certificate, this.key] = this.files(name);
  }

  files(name) {
    return [join(this.directory, `${name}.crt`), join(this.directory, `${name}.key`)];
  }

  async create() {
    const subject = ['-subj', `/CN=walpiper test ${this.name}`];
    await openssl('req', '-x509', ...newKey, ...subject, '-keyout', this.key, '-out', this.certificate);
    return this;
  }

  /** {certificate, key}: files for NAME, a host or a role. */
  async sign(name) {
    const [certificate, key] = this.files(name);
    const request = join(this.directory, `${name}.csr`);
    const extension = join(this.directory, `${name}.ext`);
    writeFileSync(extension, `subjectAltName=DNS:${name}\n`);
    await openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    await openssl(
      ...['x509', '-req', '-in', request, '-CA', this.certificate, '-CAkey', this.key, '-CAcreateserial'],
      ...['-days', '2', '-extfile', extension, '-out', certificate],
    );
    chmodSync(key, 0o600);
    return { certificate, key };
  }
}

/** SERVER (a Postgres) takes TLS with the certificate PAIR, and trusts clients that AUTHORITY signed. */
export async function serveTls(server, pair, authority) {
  if (process.getuid() === 0) {
    const { uid, gid } = statSync(server.data);
    chownSync(pair.key, uid, gid);
  }
  await server.set({
    ssl: 'on',
    ssl_cert_file: pair.certificate,
    ssl_key_file: pair.key,
    ssl_ca_file: authority.certificate,
  });
}
