-- The rows of post_with_comments_counts for all ids of a batch: with batch: true, $1 is an array.
-- The condition of WHEN MATCHED leaves a row alone that is right already: no row version, no event.
MERGE INTO post_with_comments_counts dest
USING (
    SELECT
        p.id AS id,
        p.title AS title,
        p.body AS body,
        p.inserted_at AS inserted_at,
        p.updated_at AS updated_at,
        (SELECT COUNT(c.id) FROM comments c WHERE c.post_id = p.id) AS comments_count
    FROM posts p
    WHERE p.id = ANY ($1)
) src ON src.id = dest.id
WHEN NOT MATCHED THEN
    INSERT (id, title, body, inserted_at, updated_at, comments_count)
    VALUES (src.id, src.title, src.body, src.inserted_at, src.updated_at, src.comments_count)
WHEN MATCHED AND (dest.title, dest.body, dest.inserted_at, dest.updated_at, dest.comments_count)
    IS DISTINCT FROM (src.title, src.body, src.inserted_at, src.updated_at, src.comments_count) THEN
    UPDATE SET
        title = src.title,
        body = src.body,
        inserted_at = src.inserted_at,
        updated_at = src.updated_at,
        comments_count = src.comments_count;
