// The demo's blog (sql/demo): its configuration, and its read model as it should be.

export const blogFiles = ['sql/demo/blog.sql'];

export const blog = {
  tables: [
    { name: 'public.posts' },
    { name: 'public.comments', scopes: [{ post_id: 'posts' }] },
  ],
  operators: [
    {
      name: 'post_with_comments_counts',
      target: 'post_with_comments_counts',
      target_id: 'id',
      events: ['insert', 'update', 'delete'],
      tables: { comments: 'post_id', posts: 'id' },
      delete_with: ['posts'],
      query_file: 'sql/operators/post_with_comments_counts.sql',
    },
  ],
};

export function counts(db) {
  return db.query(`SELECT id, title, body, inserted_at::text, updated_at::text, comments_count
                   FROM post_with_comments_counts ORDER BY id`);
}

export function countsFromScratch(db) {
  return db.query(`SELECT p.id, p.title, p.body, p.inserted_at::text, p.updated_at::text,
                          (SELECT count(*) FROM comments c WHERE c.post_id = p.id) AS comments_count
                   FROM posts p ORDER BY p.id`);
}
