-- What ./dev run --load writes, three times a second: a comment that comes, one whose rating changes,
-- now and then a new post or a comment that moves, and an event for toto. Old rows go, so that the
-- demo may run for days.
\o /dev/null
DO $$
DECLARE
    post bigint;
BEGIN
    IF random() < 0.1 THEN
        INSERT INTO posts (title, body) VALUES ('A post of ' || to_char(now(), 'HH24:MI:SS'), 'Made by --load.');
    END IF;
    SELECT id INTO post FROM posts ORDER BY random() LIMIT 1;
    INSERT INTO comments (post_id, message, rating)
    VALUES (post, 'A comment of ' || to_char(now(), 'HH24:MI:SS'), 1 + floor(random() * 5));
    UPDATE comments SET rating = 1 + floor(random() * 5), updated_at = now()
    WHERE id = (SELECT id FROM comments ORDER BY random() LIMIT 1);
    IF random() < 0.2 THEN
        UPDATE comments SET post_id = post, updated_at = now()
        WHERE id = (SELECT id FROM comments ORDER BY random() LIMIT 1);
    END IF;
    INSERT INTO events (type, subscriber, payload) VALUES ('insert', 'toto', '{"foo": "bar"}');
    DELETE FROM comments WHERE id <= (SELECT max(id) - 200 FROM comments);
    DELETE FROM posts WHERE id <= (SELECT max(id) - 20 FROM posts);
    DELETE FROM events WHERE id <= (SELECT max(id) - 1000 FROM events);
END
$$ \watch 0.33
