-- A function for call: public.on_comment. It gets each event of comments once and in order, and tells
-- the consumer "moderators" of every comment with a low rating, through the events table.
CREATE OR REPLACE FUNCTION on_comment(event jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events (subscriber, type, payload)
    SELECT 'moderators', 'low_rating', event -> 'new_record'
    WHERE event ->> 'type' IN ('insert', 'update')
      AND (event #>> '{new_record,rating}')::int <= 2;
$$;
