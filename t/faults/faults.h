
/* what goes wrong at a test's word, and what the test is told */

#ifndef ZEGO_FAULTS_H
#define ZEGO_FAULTS_H


#include <stddef.h>
#include <stdint.h>


/* shared with the test, see t/system/faults.py */

typedef struct {
    /* ms, instead of nginx's clock, and no timer; 0: nginx's */
    volatile uint64_t     clock;

    /* callbacks that asked for the mutex of a zone, and that got it */
    volatile uint64_t     asked;
    volatile uint64_t     got;

    /* allocations of callbacks; which of them fail, from 1 on */
    volatile uint64_t     allocs;
    volatile uint64_t     fail_first;
    volatile uint64_t     fail_last;

    /* stores of callbacks, or of the timer, into a zone: before which of
       them the signal is raised, from 1 on, and whether the zone was marked
       as being changed then */
    volatile uint64_t     stores;
    volatile uint64_t     store;
    volatile uint64_t     signal;
    volatile uint64_t     busy;
    volatile uint64_t     timer;

    /* attempts of the master at the mutex of an old zone; before which of them
       it stops, from 1 on */
    volatile uint64_t     turns;
    volatile uint64_t     turn;
} zego_faults_t;


/* the file that ZEGO_FAULTS names; private where there is none */
extern zego_faults_t     *zego_faults;

/* in what is to be counted */
extern unsigned           zego_counting;


/* every load and store of what was compiled to tell, once this is set */
extern void             (*zego_access)(const void *p, size_t size, int store,
    const void *from);


#endif /* ZEGO_FAULTS_H */
