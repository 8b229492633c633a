/* The operator of the demo, as configuration gives it. */
#ifndef TESTS_OPERATOR_BLOG_H
#define TESTS_OPERATOR_BLOG_H

#include "config/config.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static struct config_name blog_id[] = {{TEXT("id")}}, blog_post_id[] = {{TEXT("post_id")}};

static inline struct config_operator blog_operator(struct config_operator_source sources[2])
{
    sources[0] = (struct config_operator_source){
        .schema = TEXT("public"), .table = TEXT("comments"), .columns = {blog_post_id, 1}};
    sources[1] = (struct config_operator_source){.schema = TEXT("public"),
                                                 .table = TEXT("posts"),
                                                 .columns = {blog_id, 1},
                                                 .delete_with = true};
    return (struct config_operator){
        .name = TEXT("counts"),
        .target_schema = TEXT("public"),
        .target_table = TEXT("post_counts"),
        .target_id = {blog_id, 1},
        .on_insert = true,
        .on_update = true,
        .on_delete = true,
        .sources = sources,
        .source_count = 2,
        .query = TEXT("MERGE ... $1"),
        .on_error = CONFIG_PARK,
        .batch_size = 200,
        .lanes = 1,
    };
}

#endif
