// One database in another.

/** Tables of the database FROM (their names, a list as in SQL), seen in INTO by postgres_fdw. */
export async function foreignTables(from, into, names) {
  const server = `from_${from.name}`;
  await into.query(`
    CREATE EXTENSION IF NOT EXISTS postgres_fdw;
    CREATE SERVER ${server} FOREIGN DATA WRAPPER postgres_fdw
      OPTIONS (host '${from.server.socketDirectory}', port '${from.server.settings.port}', dbname '${from.name}');
    CREATE USER MAPPING FOR postgres SERVER ${server} OPTIONS (user 'postgres');
    IMPORT FOREIGN SCHEMA public LIMIT TO (${names}) FROM SERVER ${server} INTO public`);
}
