/* Every refusal names the file, the line and the key, and says how to mend it. */
#include "base/buffer.h"
#include "scene.h"
#include <errno.h>

#define OPERATOR "{name: o, target: t, tables: {a: id}, query: 'SELECT $1'"
#define TABLE_A "tables: [{name: a}]\n"

struct refusal {
    const char *text;
    const char *begin;
};

static void assert_refused(const struct refusal *refusals, size_t count)
{
    scene_clear_environment();
    for (size_t i = 0; i < count; i++)
        scene_wrong(refusals[i].text, refusals[i].begin);
}
#define ASSERT_REFUSED(list) assert_refused(list, sizeof(list) / sizeof((list)[0]))

START_TEST(test_yaml)
{
    static const struct refusal list[] = {
        {"a: b: c\n", "FILE:1: no valid YAML: mapping values are not allowed"},
        {"log: {}\n\thttp: 1\n", "FILE:2: no valid YAML: "},
        {"log:\n  level: info\n  format: json\n  level: warn\n",
         "FILE:4: log.level: this key is already in line 2"},
        {"app_name: &a x\npublication: *a\n", "FILE:2: aliases"},
        {"log:\n  level: !!str info\n", "FILE:2: log: tags"},
        {"log: {}\n---\nlog: {}\n", "FILE:2: a second document"},
        {"- a\n", "FILE:1: must be keys with values"},
        {"word\n", "FILE:1: must be keys with values"},
        {"? [a]\n: b\n", "FILE:1: a key must be a word"},
        {"app_name: \"a\\0b\"\n", "FILE:1: the text has a NUL"},
        {"tables:\n  -\n", "FILE:2: tables[0]: an empty item"},
        {"\"lo\\ng\": 1\n", "FILE:1: a key is empty, too long or has control"},
        {"a: [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]\n", "FILE:1: a[0]"},
        {"app_name: \xff\xfe\n", "FILE: not UTF-8"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_unknown_keys)
{
    static const struct refusal list[] = {
        {"# a\n\nlgo: {}\n", "FILE:3: lgo: unknown key; known here: app_name, database"},
        {"log:\n  level: info\n  levle: info\n",
         "FILE:3: log.levle: unknown key; known here: level, format"},
        {"tables:\n  - name: a\n    nmae: b\n",
         "FILE:3: tables[0].nmae: unknown key; known here: name, id"},
        {"journal: {retention: {\n  age: 1d, time: 1d}}\n",
         "FILE:2: journal.retention.time: unknown key; known here: bytes, age"},
        {"auth: {jwt: {\n  algo: HS256}}\n", "FILE:2: auth.jwt.algo: unknown key"},
        {"<<: {log: {}}\n", "FILE:1: <<: unknown key"},
        {"'we\"ird\\': 1\n", "FILE:1: we\"ird\\: unknown key"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_wrong_types)
{
    static const struct refusal list[] = {
        {"\nlog: info\n", "FILE:2: log: must have keys below it; known here: level, format"},
        {"log:\n  level: [info]\n", "FILE:2: log.level: unknown word; write one of trace, debug"},
        {"log:\n  level: loud\n", "FILE:2: log.level: unknown word; write one of trace, debug"},
        {"slot: {durable: yes}\n", "FILE:1: slot.durable: unknown word; write one of true, false"},
        {"slot: {durable: 1}\n", "FILE:1: slot.durable: unknown word"},
        {"app_name:\n  - a\n", "FILE:1: app_name: must be a single value"},
        {"app_name: {a: b}\n", "FILE:1: app_name: must be a single value"},
        {"tables: posts\n", "FILE:1: tables: must be a list"},
        {"tables: {name: a}\n", "FILE:1: tables: must be a list"},
        {"tables:\n  - posts\n", "FILE:2: tables[0]: must have keys below it; known here: name"},
        {"tables:\n  - name: a\n  - id: b\n", "FILE:3: tables[1]: the key name is missing"},
        {"tables:\n  - {}\n", "FILE:2: tables[0]: the key name is missing"},
        {"tables:\n  - name: ''\n", "FILE:2: tables[0].name: must not be empty"},
        {"tables:\n  - name: a\n    scopes: {b: c}\n", "FILE:3: tables[0].scopes: must be a list"},
        {"tables:\n  - name: a\n    scopes: [b]\n",
         "FILE:3: tables[0].scopes[0]: must have keys below it"},
        {"tables:\n  - name: a\n    scopes: [{}]\n", "FILE:3: tables[0].scopes[0]: no scope"},
        {"tables:\n  - name: a\n    scopes: [{b: [c]}]\n",
         "FILE:3: tables[0].scopes[0].b: no scope"},
        {"http:\n  listen: [[a]]\n", "FILE:2: http.listen[0]: must be a single value"},
        {"http:\n  listen: {a: b}\n", "FILE:2: http.listen: must be a list"},
        {"plugins: none\n", "FILE:1: plugins: not available yet"},
        {"plugins: ''\n", "FILE:1: plugins: must be a list"},
        {"operators:\n  - target: t\n", "FILE:2: operators[0]: the key name is missing"},
        {"operators:\n  - name: o\n    target: t\n    tables: [a]\n",
         "FILE:4: operators[0].tables[0]: is no marked table; add {name: public.a} to tables"},
        {"operators:\n  - name: o\n    target: t\n    events:\n      - insert\n      - upsert\n",
         "FILE:6: operators[0].events[1]: unknown word; write one of insert, update, delete"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_numbers)
{
    static const struct refusal list[] = {
        {"database:\n  port: 0\n", "FILE:2: database.port: must be a whole number from 1 to 65535"},
        {"database: {port: 65536}\n", "FILE:1: database.port: must be a whole number"},
        {"tables: [{name: a}]\noperators:\n- {name: o, target: t, tables: {a: id}, query: SELECT "
         "$1,\n"
         "   database: {port: 70000}}\n",
         "FILE:4: operators[0].database.port: must be a whole number from 1 to 65535"},
        {"tables: [{name: a}]\noperators:\n- {name: o, target: t, tables: {a: id}, query: SELECT "
         "$1,\n"
         "   database: {password: p}}\n",
         "FILE:4: operators[0].database: names no other database; write url"},
        {"database: {port: 5432x}\n", "FILE:1: database.port: must be a whole number"},
        {"http: {threads: -1}\n", "FILE:1: http.threads: must be a whole number from 0 to 256"},
        {"http: {threads: 1.5}\n", "FILE:1: http.threads: must be a whole number"},
        {"http: {max_connections: 0}\n", "FILE:1: http.max_connections: must be a whole number"},
        {"http: {heartbeat: 10}\n", "FILE:1: http.heartbeat: no duration"},
        {"http: {heartbeat: 99ms}\n", "FILE:1: http.heartbeat: from 100ms"},
        {"http: {heartbeat: 2d}\n", "FILE:1: http.heartbeat: from 100ms"},
        {"http: {request_timeout: 999ms}\n", "FILE:1: http.request_timeout: from 1s to 5m"},
        {"http: {request_timeout: 6m}\n", "FILE:1: http.request_timeout: from 1s to 5m"},
        {"http: {stall_timeout: 500ms}\n", "FILE:1: http.stall_timeout: from 1s to 1h"},
        {"http: {stall_timeout: 2h}\n", "FILE:1: http.stall_timeout: from 1s to 1h"},
        {"http: {max_connections_per_client: -1}\n",
         "FILE:1: http.max_connections_per_client: must be a whole number from 0 to 10000000"},
        {"http: {max_connections_per_consumer: many}\n",
         "FILE:1: http.max_connections_per_consumer: must be a whole number from 0 to 10000000"},
        {"http: {max_topics: 0}\n",
         "FILE:1: http.max_topics: must be a whole number from 1 to 100000"},
        {"http: {max_filters: 1001}\n",
         "FILE:1: http.max_filters: must be a whole number from 0 to 1000"},
        {"http: {max_head: 1kB}\n", "FILE:1: http.max_head: must be a size from 4kB to 1MB"},
        {"http: {max_head: 2MB}\n", "FILE:1: http.max_head: must be a size from 4kB to 1MB"},
        {"http: {publish_rate: -1}\n",
         "FILE:1: http.publish_rate: must be a whole number from 0 to 100000"},
        {"http: {proxy_protocol: v2}\n", "FILE:1: http.proxy_protocol: "},
        {"http: {drain: 6m}\n", "FILE:1: http.drain: from 0 to 5m"},
        {"http: {drain: soon}\n", "FILE:1: http.drain: no duration"},
        {"journal:\n  retention:\n    bytes: 1gb\n", "FILE:3: journal.retention.bytes: no size"},
        {"journal:\n  max_hold: much\n", "FILE:2: journal.max_hold: no size"},
        {"journal: {retention: {bytes: 99999999TB}}\n", "FILE:1: journal.retention.bytes: no size"},
        {"journal: {retention: {age: soon}}\n", "FILE:1: journal.retention.age: no duration"},
        {"journal: {max_event: 64k}\n",
         "FILE:1: journal.max_event: must be a size from 64kB to 3GB"},
        {"journal: {max_event: 65535}\n", "FILE:1: journal.max_event: must be a size from 64kB"},
        {"journal: {max_event: 4GB}\n", "FILE:1: journal.max_event: must be a size from 64kB"},
        {"retry: {min_restart_time: 0}\n", "FILE:1: retry.min_restart_time: must be a whole"},
        {"retry: {min_restart_time: 500ms}\n", "FILE:1: retry.min_restart_time: must be a whole"},
        {"retry:\n  min_restart_time: 20000\n",
         "FILE:1: retry.max_restart_time: smaller than retry.min_restart_time"},
        {"retry: {backoff_multiplicator: 0.9}\n", "FILE:1: retry.backoff_multiplicator: must be"},
        {"retry: {backoff_multiplicator: nan}\n", "FILE:1: retry.backoff_multiplicator: must be"},
        {"retry: {max_retries: x}\n", "FILE:1: retry.max_retries: must be a whole number"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_names_and_addresses)
{
    static const struct refusal list[] = {
        {"app_name: ''\n", "FILE:1: app_name: must not be empty"},
        {"journal: {path: ''}\n", "FILE:1: journal.path: must not be empty"},
        {"slot:\n  name: Walpiper\n", "FILE:2: slot.name: a slot's name has only lower case"},
        {"slot: {name: ''}\n", "FILE:1: slot.name: must not be empty"},
        {"state_schema: a-b\n", "FILE:1: state_schema: a schema of walpiper's own has only lower"},
        {"state_schema: pg_x\n", "FILE:1: state_schema: a schema of walpiper's own has only lower"},
        {"state_schema: 1a\n", "FILE:1: state_schema: a schema of walpiper's own has only lower"},
        {"publication: abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz123456789012\n",
         "FILE:1: publication: longer than 63 bytes"},
        {"tables:\n  - name: a\n  - name: public.a\n",
         "FILE:3: tables[1].name: is tables[0] already"},
        {"tables: [{name: events}]\n", "FILE:1: tables[0].name: is events.table"},
        {"tables: [{name: a.b.c}]\n", "FILE:1: tables[0].name: more than schema.table"},
        {"tables: [{name: '\"a'}]\n", "FILE:1: tables[0].name: a quote that does not end"},
        {"tables: [{name: a.}]\n", "FILE:1: tables[0].name: must not be empty"},
        {"tables: [{name: a, id: \"x\\ny\"}]\n", "FILE:1: tables[0].id: a name with control"},
        {"tables: [{name: a, scopes: [{b: c/d}]}]\n", "FILE:1: tables[0].scopes[0].b: a '/'"},
        {"tables: [{name: a, scopes: [{b: c}, {b: c}]}]\n",
         "FILE:1: tables[0].scopes[1].b: the same scope twice"},
        {"tables: [{name: a, scopes: [{b: c}, {b: public.c}]}]\n",
         "FILE:1: tables[0].scopes[1].b: the same scope twice"},
        {"tables:\n- name: a\n  scopes:\n  - {b: c, d: e}\n  - {b: c}\n  - {d: e, b: c}\n"
         "  - {b: c,\n     d: e}\n",
         "FILE:7: tables[0].scopes[3].b: the same scope twice"},
        {"tables:\n- name: a\n  scopes:\n  - b: c\n    b: d\n",
         "FILE:5: tables[0].scopes[0].b: this key is already in line 4"},
        {"tables:\n- name: a\n  scopes:\n  - b: c\n    d: e/f\n",
         "FILE:5: tables[0].scopes[0].d: a '/'"},
        {"tables:\n- name: a\n  scopes:\n  - {a1: p, a2: p, a3: p, a4: p, a5: p, a6: p, a7: p,\n"
         "     a8: p,\n     a9: p, a10: p}\n",
         "FILE:6: tables[0].scopes[0].a9: a scope has at most 8 columns"},
        {"tables: [{name: a, scopes: [{b: .c}]}]\n",
         "FILE:1: tables[0].scopes[0].b: must not be empty"},
        {"tables: [{name: a, scopes: [{b: c.}]}]\n",
         "FILE:1: tables[0].scopes[0].b: must not be empty"},
        {"tables: [{name: a, scopes: [{b: "
         "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz123456789012.c}]}]\n",
         "FILE:1: tables[0].scopes[0].b: longer than 63 bytes"},
        {"tables: [{name: a, scopes: [{b: c}, {d: e, f: g}], exclude: [f]}]\n",
         "FILE:1: tables[0].exclude[0]: column f is named by scopes"},
        {"events: {table: a.b.c}\n", "FILE:1: events.table: more than schema.table"},
        {"events: {columns: {id: ''}}\n", "FILE:1: events.columns.id: must not be empty"},
        {"events: {columns: {type: id}}\n", "FILE:1: events.columns.type: is the column of id"},
        {"events: {table: ''}\n", "FILE:1: events.table: no events table and no tables"},
        {"http:\n  listen:\n    - 127.0.0.1:1\n    - nowhere\n",
         "FILE:4: http.listen[1]: no address"},
        {"http: {listen: 127.0.0.1:0}\n", "FILE:1: http.listen: the port is a number"},
        {"http: {listen: []}\n", "FILE:1: http.listen: no address"},
        {"http: {listen: ['[::1]:1', '[::1]:1']}\n", "FILE:1: http.listen[1]: the same address"},
        {"admin: {listen: '4001'}\n", "FILE:1: admin.listen: no address"},
        {"admin: {listen: 127.0.0.1:4000}\n", "FILE:1: admin.listen: the same address as of http"},
        {"auth: {allow_public: true}\nadmin:\n  listen: 0.0.0.0:4001\n",
         "FILE:3: admin.listen: everyone who reaches this address"},
        {"http:\n  listen: 0.0.0.0:4000\n", "FILE:2: http.listen: auth.mode none serves everyone"},
        {"http: {listen: 'example.org:80'}\nauth: {mode: none}\n",
         "FILE:1: http.listen: auth.mode none serves everyone"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_operators)
{
    static const struct refusal list[] = {
        {TABLE_A "operators:\n  - " OPERATOR "}\n  - " OPERATOR "}\n",
         "FILE:4: operators[1].name: is the name of operators[0] already"},
        {TABLE_A "operators: [{name: O-1, target: t}]\n",
         "FILE:2: operators[0].name: an operator's"},
        {TABLE_A "operators: [{name: o, target: a.b.c}]\n", "FILE:2: operators[0].target: more"},
        {TABLE_A "operators:\n  - {name: o, target: t, query: x}\n",
         "FILE:3: operators[0]: no source"},
        {TABLE_A "operators:\n  - name: o\n    target: t\n    tables:\n      a: id\n      b: id\n",
         "FILE:7: operators[0].tables.b: is no marked table; add {name: public.b} to tables"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: id, public.a: id}}]\n",
         "FILE:2: operators[0].tables.public.a: the same table twice"},
        {TABLE_A "operators: [{name: o, target: a, tables: {a: id}}]\n",
         "FILE:2: operators[0].tables.a: is the operator's own target"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: ''}}]\n",
         "FILE:2: operators[0].tables.a: must not be empty"},
        {TABLE_A "operators:\n  - " OPERATOR ",\n     delete_with: [b]}\n",
         "FILE:4: operators[0].delete_with[0]: is not among the operator's tables"},
        {TABLE_A "operators:\n  - " OPERATOR ", events: []}\n", "FILE:3: operators[0].events: no"},
        {TABLE_A "operators:\n  - " OPERATOR ", events: [insert],\n     delete_with: [a]}\n",
         "FILE:4: operators[0].delete_with: events leaves delete out"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: id}}]\n",
         "FILE:2: operators[0]: no query"},
        {TABLE_A "operators:\n- {name: o, target: t,\n   target_id: []}\n",
         "FILE:4: operators[0].target_id: 0 columns; write one, or a list of at most 8"},
        {TABLE_A "operators:\n- {name: o, target: t,\n   target_id: [a, b, c, d, e, f, g, h, i]}\n",
         "FILE:4: operators[0].target_id: 9 columns; write one, or a list of at most 8"},
        {TABLE_A "operators:\n- {name: o, target: t,\n   target_id: [b, b]}\n",
         "FILE:4: operators[0].target_id[1]: the same column twice"},
        {TABLE_A "operators:\n- {name: o, target: t, target_id: [b, c],\n   tables: {a: b}}\n",
         "FILE:4: operators[0].tables.a: 1 columns; write one for each of target_id, which are 2"},
        {TABLE_A
         "operators:\n- {name: o, target: t, target_id: [b, c],\n   tables: {a: [b,\n d, e]}}\n",
         "FILE:4: operators[0].tables.a: 3 columns"},
        {TABLE_A
         "operators:\n- {name: o, target: t, target_id: [b, c],\n   tables: {a: [b,\n b]}}\n",
         "FILE:5: operators[0].tables.a[1]: the same column twice"},
        {TABLE_A
         "operators:\n- {name: o, target: t, target_id: [b, c],\n   tables: {a: [b,\n [c]]}}\n",
         "FILE:5: operators[0].tables.a[1]: no name of a column"},
        {TABLE_A "operators:\n- {name: o, target: t, target_id: [b, c], query: $1,\n   tables: {a: "
                 "[b, c]}}\n",
         "FILE:3: operators[0].query: the query does not use $2, the target's c"},
        {TABLE_A "operators:\n  - " OPERATOR ", query_file: x}\n",
         "FILE:3: operators[0].query: query and query_file are both said"},
        {TABLE_A "operators: [{name: o, target: t,\n tables: [a], query: $1}]\n",
         "FILE:3: operators[0].tables[0]: no column; write {a: COLUMN}"},
        {TABLE_A "operators: [{name: o,\n tables: {a: id}, query: $1}]\n",
         "FILE:2: operators[0]: no target; write target: TABLE"},
        {TABLE_A "operators: [{name: o, call: f,\n tables: {a: id}}]\n",
         "FILE:3: operators[0].tables.a: a call has no ids: its function gets events; write "
         "tables: [a]"},
        {TABLE_A "operators: [{name: o, call: f, tables: [a],\n target_id: id}]\n",
         "FILE:3: operators[0].target_id: a call has no ids"},
        {TABLE_A "operators: [{name: o, call: f, tables: [a],\n delete_with: a}]\n",
         "FILE:3: operators[0].delete_with: a call has no rows"},
        {TABLE_A "operators: [{name: o, tables: [a],\n call: a.b.c}]\n",
         "FILE:3: operators[0].call: more than schema.table"},
        {TABLE_A "operators: [{name: o, target: t,\n tables: {a: {keys: $1}}}]\n",
         "FILE:3: operators[0].tables.a: says not what it takes; write keys"},
        {TABLE_A "operators: [{name: o, target: t,\n tables: {a: {keys: $1, map: i, n: 1}}}]\n",
         "FILE:3: operators[0].tables.a: says not what it takes; write keys"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: {keys: [$1],\n map: i}}}]\n",
         "FILE:2: operators[0].tables.a.keys: no query"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: {map: i,\n keys: x}}}]\n",
         "FILE:2: operators[0].tables.a: keys does not use $1"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: {keys: $1, map:\n [i, j]}}}]\n",
         "FILE:2: operators[0].tables.a.map: 2 columns; write the one"},
        {TABLE_A
         "operators: [{name: o, target: t, query: $1,\n tables: {a: {keys: $1, map: i}}}]\n",
         "FILE:3: operators[0].tables: none gives the ids by a column"},
        {"tables: [{name: a}, {name: b}]\noperators: [{name: o, target: t, query: $1,\n"
         " tables: {a: {keys: $1, map: i}, b: i}, delete_with: a}]\n",
         "FILE:3: operators[0].delete_with: has keys"},
        {TABLE_A "operators: [{name: o, call: f, tables: [a],\n lanes: 2}]\n",
         "FILE:3: operators[0].lanes: a call gets the events in order"},
        {TABLE_A "operators: [{name: o, call: f, tables: [a],\n batch: true}]\n",
         "FILE:3: operators[0].batch: goes with query and query_file only"},
        {TABLE_A "operators: [{name: o, call: f, target: a, tables: [a]}]\n",
         "FILE:2: operators[0].tables[0]: is the operator's own target"},
        {TABLE_A "operators:\n  - " OPERATOR ", select: x}\n",
         "FILE:3: operators[0].query: query and select are both said"},
        {TABLE_A
         "operators:\n- {name: o, target: t, tables: {a: id}, select: $1,\n   batch: true}\n",
         "FILE:4: operators[0].batch: goes with query and query_file only"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: id}, query: SELECT 1}]\n",
         "FILE:2: operators[0].query: the query does not use $1"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: id},\n query_file: /no/such.sql}]\n",
         "FILE:3: operators[0].query_file: /no/such.sql: cannot be opened: No such file"},
        {TABLE_A "operators: [{name: o, target: t, tables: {a: id},\n query_file: /tmp}]\n",
         "FILE:3: operators[0].query_file: /tmp: cannot be read: Is a directory"},
        {"tables: [{name: a}, {name: b}, {name: c}]\noperators:\n"
         "  - {name: x, target: d, tables: {a: id}, query: $1}\n"
         "  - {name: y, target: b, tables: {c: id}, query: $1}\n"
         "  - {name: z, target: c, tables: {b: id}, query: $1}\n",
         "FILE:4: operators[1]: what y derives, public.b, comes back to it"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_lists_of_columns)
{
    static const struct refusal list[] = {
        {"tables: [{name: a, exclude: [b, b]}]\n",
         "FILE:1: tables[0].exclude[1]: the same column twice"},
        {"tables: [{name: a, exclude: ['']}]\n", "FILE:1: tables[0].exclude[0]: must not be empty"},
        {"tables:\n  - name: a\n    id: i\n    exclude:\n      - b\n      - i\n",
         "FILE:6: tables[0].exclude[1]: column i is named by id of the same table"},
        {"tables: [{name: a, scopes: [{b: c}, {d: e}], exclude: d}]\n",
         "FILE:1: tables[0].exclude: column d is named by scopes of the same table"},
        {"tables: [{name: b}, {name: a, exclude: [i]}]\noperators:\n"
         "  - {name: x, target: t, tables: {b: i, a: i}, query: $1}\n",
         "FILE:3: operators[0].tables.a: column i is under exclude of tables[1]"},
        {"tables: [{name: a, id: i, ignore_updates_of: [b, i]}]\n",
         "FILE:1: tables[0].ignore_updates_of[1]: column i is named by id of the same table"},
        {"tables: [{name: a, ignore_updates_of: i}]\noperators:\n"
         "  - {name: x, target: t, tables: {a: i}, query: $1}\n",
         "FILE:3: operators[0].tables.a: column i is under ignore_updates_of of tables[0]"},
        {"tables: [{name: public.events, exclude: [payload]}]\n",
         "FILE:1: tables[0].name: is events.table"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_numbers_as_strings)
{
    static const struct refusal list[] = {
        {"numbers_as_strings:\n  - int8\n  - bigint\n",
         "FILE:3: numbers_as_strings[1]: no type of numbers; write some of int2, int4, int8"},
        {"numbers_as_strings: [int8, numeric, int8]\n",
         "FILE:1: numbers_as_strings[2]: the same type twice"},
        {"numbers_as_strings: {int8: true}\n", "FILE:1: numbers_as_strings: must be a list"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

#define SECRET_32 "0123456789abcdef0123456789abcdef"
#define JWT(more) "auth:\n  mode: jwt\n  jwt:\n    " more "\n"

START_TEST(test_tokens)
{
    static const struct refusal list[] = {
        {JWT("algorithm: none"),
         "FILE:4: auth.jwt.algorithm: unknown word; write one of HS256, HS384"},
        {JWT("algorithm: hs256"), "FILE:4: auth.jwt.algorithm: unknown word"},
        {JWT("algorithm: HS256"), "FILE:3: auth.jwt: no secret; set WALPIPER_JWT_SECRET"},
        {JWT("secret: ''"), "FILE:4: auth.jwt.secret: no secret"},
        {JWT("secret: '${WALPIPER_JWT_SECRET}'"),
         "FILE:4: auth.jwt.secret: the environment variable WALPIPER_JWT_SECRET is not set"},
        {JWT("secret: 0123456789abcdef0123456789abcde"),
         "FILE:4: auth.jwt.secret: HS256 needs at least 32 bytes; make one: openssl rand"},
        {JWT("{algorithm: HS384, secret: " SECRET_32 "}"),
         "FILE:4: auth.jwt.secret: HS384 needs at least 48 bytes"},
        {JWT("{algorithm: HS512, secret: " SECRET_32 "0123456789abcdef0123456789abcde}"),
         "FILE:4: auth.jwt.secret: HS512 needs at least 64 bytes"},
        {JWT("secret: '-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQ'"),
         "FILE:4: auth.jwt.secret: a key in PEM is no secret"},
        {JWT("{secret: " SECRET_32 ", jwks_file: x}"),
         "FILE:4: auth.jwt.jwks_file: HS256 has a secret and no public keys; remove it"},
        {JWT("algorithm: RS256"), "FILE:3: auth.jwt: RS256 needs public keys; name a file"},
        {JWT("{algorithm: ES384, secret: '${WALPIPER_JWT_SECRET}', jwks_file: ''}"),
         "FILE:4: auth.jwt.jwks_file: ES384 needs public keys; name a file"},
        {JWT("query_token: yes"), "FILE:4: auth.jwt.query_token: unknown word; write one of true"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_gateways)
{
    static const struct refusal list[] = {
        {"auth: {mode: gateway, gateway: {trusted: []}}\n",
         "FILE:1: auth.gateway.trusted: nobody could set X-Consumer-Id; name the gateway"},
        {"auth: {mode: gateway, gateway: {trusted: ['::1', gateway.example]}}\n",
         "FILE:1: auth.gateway.trusted[1]: no address and no network; write"},
        {"auth: {mode: gateway, gateway: {trusted: 10.0.0.1/8}}\n",
         "FILE:1: auth.gateway.trusted: no address and no network; write"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

#define ORIGINS(list) "http: {cors: {origins: " list "}}\n"

START_TEST(test_origins)
{
    static const struct refusal list[] = {
        {ORIGINS("app.example.org"), "FILE:1: http.cors.origins: no origin; write it"},
        {ORIGINS("'https://'"), "FILE:1: http.cors.origins: no origin; write it"},
        {ORIGINS("'://a'"), "FILE:1: http.cors.origins: no origin; write it"},
        {ORIGINS("['https://a', 'https://b/']"), "FILE:1: http.cors.origins[1]: no origin; write"},
        {ORIGINS("'https://*.example.org'"), "FILE:1: http.cors.origins: no origin; write it"},
        {ORIGINS("'https://Example.org'"), "FILE:1: http.cors.origins: browsers send origins in"},
        {ORIGINS("['null']"), "FILE:1: http.cors.origins[0]: sandboxed pages"},
        {ORIGINS("['https://a', 'https://a']"), "FILE:1: http.cors.origins[1]: the same origin"},
        {ORIGINS("['https://a', '*']"), "FILE:1: http.cors.origins[1]: stands alone and with"},
        {"auth: {mode: gateway}\n" ORIGINS("'*'"), "FILE:2: http.cors.origins: stands alone"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_features_that_come_later)
{
    static const struct refusal list[] = {
        {"\ntables: all\n", "FILE:2: tables: not available yet"},
        {"events: {retention: 30d}\n", "FILE:1: events.retention: not available yet"},
        {"http: {tls: {certificate: x}}\n", "FILE:1: http.tls.certificate: not available yet"},
        {"http: {tls: {key: x}}\n", "FILE:1: http.tls.key: not available yet"},
        {"plugins: [{path: webhook.so}]\n", "FILE:1: plugins: not available yet"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_variables)
{
    static const struct refusal list[] = {
        {"database:\n  url: ${DATABASE_URL}\n",
         "FILE:2: database.url: the environment variable DATABASE_URL is not set; set it"},
        {"app_name: ${}\n", "FILE:1: app_name: a malformed ${...}"},
        {"http: {listen: ['${WALPIPER_LISTEN}']}\n",
         "FILE:1: http.listen[0]: the environment variable WALPIPER_LISTEN is not set"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_secrets_are_not_shown)
{
    static const char *const texts[] = {
        "database: {port: '${SECRET}'}\n",
        "log: {level: '${SECRET}'}\n",
        "http: {listen: '${SECRET}'}\n",
        "slot: {name: '${SECRET}'}\n",
        "tables: [{name: '${SECRET}'}]\n",
        "retry: {max_retries: '${SECRET}'}\n",
        "auth: {mode: jwt, jwt: {secret: HUNTER-2!}}\n",
        "publication: '${SECRET}HUNTER-2!'\n",
    };
    char secret[128];

    memset(secret, 'x', sizeof(secret));
    memcpy(secret, "HUNTER-2!.a.b", strlen("HUNTER-2!.a.b"));
    secret[sizeof(secret) - 1] = '\0';
    setenv("SECRET", secret, 1);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config config = {0};
        struct error err = {0};
        ck_assert_int_lt(scene_load(&config, texts[i], &err), 0);
        ck_assert_ptr_null(strstr(err.text, "HUNTER"));
    }
    unsetenv("SECRET");
}
END_TEST

START_TEST(test_more_tables_than_are_read)
{
    struct config config = {0};
    struct error err = {0};
    struct buffer text;

    buffer_init(&text, 1 << 20);
    buffer_append_str(&text, STR("tables:\n"));
    for (int i = 0; i < 10000; i++)
        buffer_printf(&text, "- {name: t%d}\n", i);
    buffer_append_char(&text, '\0');
    ck_assert_msg(scene_load(&config, text.data, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(config.table_count, 10000);
    config_release(&config);
    text.len--;
    buffer_append(&text, "- {name: t}\n", sizeof("- {name: t}\n"));
    ck_assert_int_eq(scene_load(&config, text.data, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, ":10002: tables: too many entries; at most 10000"));
    buffer_release(&text);
}
END_TEST

#define NOTIFY "operators: [{name: o, target: t, tables: {a: id}, query: $1,\n on_error_notify: "

START_TEST(test_who_is_told_of_failures)
{
    static const struct refusal list[] = {
        {TABLE_A NOTIFY "ops@example.org}]\n",
         "FILE:3: operators[0].on_error_notify: no URL; write http://... or https://..., or "
         "command: [program, argument, ...]"},
        {TABLE_A NOTIFY "{url: 'ftp://x'}}]\n", "FILE:3: operators[0].on_error_notify.url: no URL"},
        {TABLE_A NOTIFY "'http://'}]\n", "FILE:3: operators[0].on_error_notify: malformed URL: "},
        {TABLE_A NOTIFY "'http://a b'}]\n",
         "FILE:3: operators[0].on_error_notify: malformed URL: "},
        {TABLE_A NOTIFY "'http://a:70000'}]\n",
         "FILE:3: operators[0].on_error_notify: malformed URL: "},
        {TABLE_A NOTIFY "{url: 'http://a', command: b}}]\n",
         "FILE:3: operators[0].on_error_notify.url: url and command are both said"},
        {TABLE_A NOTIFY "{command: []}}]\n",
         "FILE:3: operators[0].on_error_notify: says nobody; write http://..."},
        {TABLE_A NOTIFY "{}}]\n", "FILE:3: operators[0].on_error_notify: says nobody"},
        {TABLE_A NOTIFY "{command: ''}}]\n",
         "FILE:3: operators[0].on_error_notify.command: no program; write [program"},
        {TABLE_A NOTIFY "[a, b]}]\n",
         "FILE:3: operators[0].on_error_notify: must have keys below it; known here: url, command"},
        {TABLE_A NOTIFY "{program: a}}]\n",
         "FILE:3: operators[0].on_error_notify.program: unknown key; known here: url, command"},
    };
    ASSERT_REFUSED(list);
}
END_TEST

START_TEST(test_files)
{
    struct config config = {0};
    struct error err = {0};

    ck_assert_int_eq(config_load(&config, "/no/such.yaml", &err), -ENOENT);
    ck_assert_str_eq(err.text, "/no/such.yaml: cannot be opened: No such file or directory");
    ck_assert_int_eq(config_load(&config, "/tmp", &err), -EISDIR);
    ck_assert_int_eq(config_load(&config, "/dev/zero", &err), -EMSGSIZE);
    ck_assert_str_eq(err.text, "/dev/zero: is larger than 1048576 bytes; shorten it");
    ck_assert_ptr_null(config.file);
}
END_TEST

UNIT_SUITE("config/refusals", test_yaml, test_unknown_keys, test_wrong_types, test_numbers,
           test_names_and_addresses, test_tokens, test_gateways, test_origins, test_operators,
           test_who_is_told_of_failures, test_lists_of_columns, test_numbers_as_strings,
           test_features_that_come_later, test_variables, test_secrets_are_not_shown,
           test_more_tables_than_are_read, test_files)
