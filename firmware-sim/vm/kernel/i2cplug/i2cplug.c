// SPDX-License-Identifier: GPL-2.0
/*
 * i2cplug: I2C adapters that user space plugs in, serves and pulls out.  A test fixture.
 *
 * Every open file of /dev/i2cplug is one adapter:
 *
 *   ioctl(I2CPLUG_ADD, s32 *number)   plugs it in as /dev/i2c-<number>; -1 asks for the next free one
 *   ioctl(I2CPLUG_TIMEOUT, u32 *ms)   how long a transfer waits for its answer; 1000 at first
 *   read()   -> u32 id, u32 count, then per message u16 address, u16 flags, u16 length, u16 0,
 *               and the bytes of a message that writes
 *   write()  <- u32 id, s32 result, then the bytes of all messages that read, in order;
 *               result 0 is success, a negative errno is handed to the caller;
 *               -ESTALE when that caller has given up already
 *   close()  pulls it out: a transfer under way and every later one fails at once with -ENODEV
 *
 * A transfer that is read and not answered is a hung bus: its caller gets -ETIMEDOUT.
 *
 * The I2C core locks the bus around a transfer, so there is one at a time.  i2c_del_adapter() waits
 * until the last user of /dev/i2c-<number> has closed it; a work item waits there, not close().
 */
#include <linux/i2c.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#define I2CPLUG_ADD	_IOWR('p', 0x81, __s32)
#define I2CPLUG_TIMEOUT	_IOW('p', 0x82, __u32)

enum phase { IDLE, POSTED, TAKEN, ANSWERED };

struct plug {
	struct i2c_adapter adapter;
	struct work_struct unplug;
	wait_queue_head_t wq;	/* readers wait for POSTED, a transfer for ANSWERED or gone */
	struct mutex lock;	/* guards all below, and the buffers msgs points to */
	bool added, gone;
	enum phase phase;
	u32 id;
	struct i2c_msg *msgs;
	int count, result;
};

static int plug_xfer(struct i2c_adapter *adapter, struct i2c_msg *msgs, int count)
{
	struct plug *p = i2c_get_adapdata(adapter);
	int result;

	mutex_lock(&p->lock);
	p->id++;
	p->msgs = msgs;
	p->count = count;
	p->phase = POSTED;
	mutex_unlock(&p->lock);
	wake_up_all(&p->wq);

	wait_event_timeout(p->wq, READ_ONCE(p->phase) == ANSWERED || READ_ONCE(p->gone),
			   adapter->timeout);

	mutex_lock(&p->lock);
	if (p->phase == ANSWERED)
		result = p->result ? p->result : count;
	else
		result = p->gone ? -ENODEV : -ETIMEDOUT;
	p->msgs = NULL;
	p->phase = IDLE;
	mutex_unlock(&p->lock);
	return result;
}

static u32 plug_functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm plug_algorithm = {
	.master_xfer = plug_xfer,
	.functionality = plug_functionality,
};

static void plug_remove(struct work_struct *work)
{
	struct plug *p = container_of(work, struct plug, unplug);

	i2c_del_adapter(&p->adapter);
	kfree(p);
}

static int plug_open(struct inode *inode, struct file *file)
{
	struct plug *p = kzalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	mutex_init(&p->lock);
	init_waitqueue_head(&p->wq);
	INIT_WORK(&p->unplug, plug_remove);
	p->adapter.owner = THIS_MODULE;
	p->adapter.algo = &plug_algorithm;
	p->adapter.timeout = HZ;
	i2c_set_adapdata(&p->adapter, p);
	file->private_data = p;
	return stream_open(inode, file);
}

static int plug_release(struct inode *inode, struct file *file)
{
	struct plug *p = file->private_data;

	mutex_lock(&p->lock);
	WRITE_ONCE(p->gone, true);
	mutex_unlock(&p->lock);
	wake_up_all(&p->wq);
	if (p->added)
		queue_work(system_unbound_wq, &p->unplug);
	else
		kfree(p);
	return 0;
}

static int plug_add(struct plug *p, s32 __user *arg)
{
	struct i2c_adapter *other;
	s32 number;
	int ret;

	if (get_user(number, arg))
		return -EFAULT;
	if (number < -1)
		return -EINVAL;
	if (p->added)
		return -EALREADY;
	if (number >= 0) {
		other = i2c_get_adapter(number);	/* the core would warn with a stack trace */
		if (other) {
			i2c_put_adapter(other);
			return -EBUSY;
		}
	}
	p->adapter.nr = number;
	strscpy(p->adapter.name, "i2cplug", sizeof(p->adapter.name));
	ret = i2c_add_numbered_adapter(&p->adapter);
	if (ret)
		return ret;
	p->added = true;
	return put_user((s32)p->adapter.nr, arg);
}

static long plug_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct plug *p = file->private_data;
	u32 ms;
	int ret;

	switch (cmd) {
	case I2CPLUG_ADD:
		mutex_lock(&p->lock);
		ret = plug_add(p, (s32 __user *)arg);
		mutex_unlock(&p->lock);
		return ret;
	case I2CPLUG_TIMEOUT:
		if (get_user(ms, (u32 __user *)arg))
			return -EFAULT;
		p->adapter.timeout = max(msecs_to_jiffies(ms), 1UL);
		return 0;
	}
	return -ENOTTY;
}

static int plug_take(struct plug *p, char __user *buf, size_t len)
{
	u32 head[2] = { p->id, p->count };
	size_t at = sizeof(head);
	int i;

	if (len < at)
		return -EMSGSIZE;
	if (copy_to_user(buf, head, at))
		return -EFAULT;
	for (i = 0; i < p->count; i++) {
		struct i2c_msg *m = &p->msgs[i];
		u16 h[4] = { m->addr, m->flags, m->len, 0 };
		size_t data = m->flags & I2C_M_RD ? 0 : m->len;

		if (len - at < sizeof(h) + data)
			return -EMSGSIZE;
		if (copy_to_user(buf + at, h, sizeof(h)) ||
		    copy_to_user(buf + at + sizeof(h), m->buf, data))
			return -EFAULT;
		at += sizeof(h) + data;
	}
	p->phase = TAKEN;
	return at;
}

static ssize_t plug_read(struct file *file, char __user *buf, size_t len, loff_t *off)
{
	struct plug *p = file->private_data;
	int ret;

	for (;;) {
		mutex_lock(&p->lock);
		ret = p->phase == POSTED ? plug_take(p, buf, len) : -EAGAIN;
		mutex_unlock(&p->lock);
		if (ret != -EAGAIN || file->f_flags & O_NONBLOCK)
			return ret;
		if (wait_event_interruptible(p->wq, READ_ONCE(p->phase) == POSTED))
			return -ERESTARTSYS;
	}
}

static int plug_answer(struct plug *p, const char __user *buf, size_t len)
{
	size_t at = 2 * sizeof(u32);
	u32 head[2];
	int i;

	if (len < at)
		return -EINVAL;
	if (copy_from_user(head, buf, at))
		return -EFAULT;
	if (p->phase != TAKEN || head[0] != p->id)
		return -ESTALE;
	if ((s32)head[1] > 0 || (s32)head[1] < -MAX_ERRNO)
		return -EINVAL;
	for (i = 0; i < p->count && !head[1]; i++) {
		struct i2c_msg *m = &p->msgs[i];

		if (!(m->flags & I2C_M_RD))
			continue;
		if (len - at < m->len)
			return -EINVAL;
		if (copy_from_user(m->buf, buf + at, m->len))
			return -EFAULT;
		at += m->len;
	}
	p->result = (s32)head[1];
	WRITE_ONCE(p->phase, ANSWERED);
	return len;
}

static ssize_t plug_write(struct file *file, const char __user *buf, size_t len, loff_t *off)
{
	struct plug *p = file->private_data;
	int ret;

	mutex_lock(&p->lock);
	ret = plug_answer(p, buf, len);
	mutex_unlock(&p->lock);
	wake_up_all(&p->wq);
	return ret;
}

static __poll_t plug_poll(struct file *file, poll_table *table)
{
	struct plug *p = file->private_data;

	poll_wait(file, &p->wq, table);
	return EPOLLOUT | EPOLLWRNORM |
	       (READ_ONCE(p->phase) == POSTED ? EPOLLIN | EPOLLRDNORM : 0);
}

static const struct file_operations plug_fops = {
	.owner = THIS_MODULE,
	.open = plug_open,
	.release = plug_release,
	.read = plug_read,
	.write = plug_write,
	.poll = plug_poll,
	.unlocked_ioctl = plug_ioctl,
};

static struct miscdevice plug_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "i2cplug",
	.fops = &plug_fops,
};

/* No exit function, so that a module stays loaded: work items may outlive the last open file. */
static int __init plug_init(void)
{
	return misc_register(&plug_device);
}
module_init(plug_init);

MODULE_DESCRIPTION("I2C adapters served by user space (test fixture)");
MODULE_LICENSE("GPL");
