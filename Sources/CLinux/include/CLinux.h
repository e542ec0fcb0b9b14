// What Glibc's Swift module lacks: epoll, eventfd and accept4.
#ifndef CLINUX_H
#define CLINUX_H

#ifdef __linux__
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

// Swift's importer drops these: epoll.h declares each as an enumerator and a macro of the same
// name.
static const uint32_t kv_epollin = EPOLLIN;
static const uint32_t kv_epollout = EPOLLOUT;
static const uint32_t kv_epollrdhup = EPOLLRDHUP;
static const uint32_t kv_epollet = EPOLLET;

/// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC: it saves two system calls for each connection.
int kv_accept4(int listener);
#endif

#endif
