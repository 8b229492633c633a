/* source/params.h - from the configuration to the parameters of a connection. Pure. */
#ifndef SOURCE_PARAMS_H
#define SOURCE_PARAMS_H

#include "config/config.h"
#include "pg/conn.h"

/* Each borrows from CONFIG. */
static inline struct pg_params params_to(const struct config *config,
                                         const struct config_database *database)
{
    return (struct pg_params){
        .url = database->url,
        .hostname = database->hostname,
        .port = database->port,
        .database = database->database,
        .username = database->username,
        .password = database->password,
        .application_name = config->app_name,
    };
}

static inline struct pg_params params_of(const struct config *config)
{
    return params_to(config, &config->database);
}

/* Of the database that has its target. */
static inline struct pg_params params_of_operator(const struct config *config,
                                                  const struct config_operator *op)
{
    return params_to(config, op->database ? op->database : &config->database);
}

#endif
