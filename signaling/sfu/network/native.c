/* What the media path does to memory and sockets, without an object of Python's for each number and without giving up
 * the interpreter for a microsecond. Four functions and no state; native.py has the same ones for systems without a
 * compiler, and says what they do. Addresses come as integers: of memory of signaling.sfu.network.slots and batches,
 * and of libsrtp's functions and sessions. */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <string.h>
#ifdef __linux__
#include <sys/socket.h>
#endif

/* srtp_protect, srtp_unprotect and the two for RTCP: they change a packet in place, and its length. */
typedef int (*Work)(void *session, void *packet, int *length);

static int arguments(const char *name, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted)
        return 1;
    PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", name, wanted, given);
    return 0;
}

static PyObject *seal(PyObject *module, PyObject *const *given, Py_ssize_t number)
{
    if (!arguments("seal", number, 8))
        return NULL;
    Work work = (Work)PyLong_AsVoidPtr(given[0]);
    void *session = PyLong_AsVoidPtr(given[1]);
    char *packet = PyLong_AsVoidPtr(given[2]);
    Py_ssize_t room = PyLong_AsSsize_t(given[3]), at = PyLong_AsSsize_t(given[6]), end = PyLong_AsSsize_t(given[7]);
    if (PyErr_Occurred())
        return NULL;
    if (!PyBytes_CheckExact(given[4]) || !PyBytes_CheckExact(given[5])) {
        PyErr_SetString(PyExc_TypeError, "a packet is made of bytes");
        return NULL;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(given[4]);
    if (at < 0 || end < at || end > PyBytes_GET_SIZE(given[5]) || size > room || end - at > room - size) {
        PyErr_SetString(PyExc_ValueError, "more than a slot holds, or than there is");
        return NULL;
    }
    memcpy(packet, PyBytes_AS_STRING(given[4]), size);
    memcpy(packet + size, PyBytes_AS_STRING(given[5]) + at, end - at);
    int length = (int)(size + end - at);
    return PyLong_FromLong(work(session, packet, &length) ? 0 : length);
}

static PyObject *unseal(PyObject *module, PyObject *const *given, Py_ssize_t number)
{
    if (!arguments("unseal", number, 5))
        return NULL;
    Work rtp = (Work)PyLong_AsVoidPtr(given[0]), rtcp = (Work)PyLong_AsVoidPtr(given[1]);
    void *session = PyLong_AsVoidPtr(given[2]);
    unsigned char *packet = PyLong_AsVoidPtr(given[3]);
    int length = (int)PyLong_AsLong(given[4]);
    if (PyErr_Occurred())
        return NULL;
    if (length < 2 || packet[0] >> 6 != 2)
        Py_RETURN_NONE;
    int refused = (packet[1] >> 5 == 6 ? rtcp : rtp)(session, packet, &length);
    return PyBytes_FromStringAndSize((char *)packet, refused ? 0 : length);
}

#ifdef __linux__
typedef int (*Call)(int fd, struct mmsghdr *messages, unsigned int count);

static int take(int fd, struct mmsghdr *messages, unsigned int count)
{
    return recvmmsg(fd, messages, count, MSG_DONTWAIT, NULL);
}

static int hand_over(int fd, struct mmsghdr *messages, unsigned int count)
{
    return sendmmsg(fd, messages, count, MSG_DONTWAIT);
}

static PyObject *call(const char *name, Call made, PyObject *const *given, Py_ssize_t number)
{
    if (!arguments(name, number, 3))
        return NULL;
    long fd = PyLong_AsLong(given[0]);
    struct mmsghdr *messages = PyLong_AsVoidPtr(given[1]);
    long count = PyLong_AsLong(given[2]);
    if (PyErr_Occurred())
        return NULL;
    int done = made((int)fd, messages, (unsigned int)count);
    return PyLong_FromLong(done < 0 ? -errno : done);
}

static PyObject *receive(PyObject *module, PyObject *const *given, Py_ssize_t number)
{
    return call("receive", take, given, number);
}

static PyObject *send_each(PyObject *module, PyObject *const *given, Py_ssize_t number)
{
    return call("send", hand_over, given, number);
}
#endif

static PyMethodDef functions[] = {
    {"seal", (PyCFunction)(void (*)(void))seal, METH_FASTCALL, NULL},
    {"unseal", (PyCFunction)(void (*)(void))unseal, METH_FASTCALL, NULL},
#ifdef __linux__
    {"receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL, NULL},
    {"send", (PyCFunction)(void (*)(void))send_each, METH_FASTCALL, NULL},
#endif
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, functions};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModule_Create(&definition);
}
