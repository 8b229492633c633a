// Two plain tables: one that a test writes, and one in which nothing happens.
export async function walpiperOfThings(scene, config = {}) {
  const db = await scene.database();
  await db.query('CREATE TABLE things (id int PRIMARY KEY, name text); CREATE TABLE quiet (id int PRIMARY KEY)');
  const tables = [{ name: 'public.things' }, { name: 'public.quiet' }];
  const walpiper = await scene.walpiper(db, { tables, ...config });
  return { db, walpiper };
}
