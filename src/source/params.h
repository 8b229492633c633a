/* source/params.h - from the configuration to the parameters of a connection. Pure. */
#ifndef SOURCE_PARAMS_H
#define SOURCE_PARAMS_H

#include "config/config.h"
#include "pg/conn.h"

/* Borrows from CONFIG. */
static inline struct pg_params params_of(const struct config *config)
{
    return (struct pg_params){
        .url = config->database.url,
        .hostname = config->database.hostname,
        .port = config->database.port,
        .database = config->database.database,
        .username = config->database.username,
        .password = config->database.password,
        .application_name = config->app_name,
    };
}

#endif
