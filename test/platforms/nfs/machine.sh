# The first process of a user-mode Linux: makes it an NFS server with two clients, and runs the checks in them.
# machine.sh NODE CHECKS PROJECT
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
node=$1 checks=$2 project=$3
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/nfs
mkdir -p /run/kernel/lib/modules /run/export /run/a /run/b /run/netns /run/home
ln -s "/usr/lib/uml/modules/$(uname -r)" /run/kernel/lib/modules/
for module in nfsd nfs nfsv4 nfsv3 veth; do modprobe -d /run/kernel $module; done
export HOME=/run/home TMPDIR=/run/home

# The server. It forgets clients that are silent for ten seconds, and so long gives locks only to those that had them.
mount -t tmpfs tmpfs /run/export
mkdir -p /var/lib/nfs/v4recovery /var/lib/nfs/rpc_pipefs /var/lib/nfs/sm /var/lib/nfs/sm.bak
touch /var/lib/nfs/etab /var/lib/nfs/rmtab /var/lib/nfs/state
mount -t nfsd nfsd /proc/fs/nfsd
mount -t rpc_pipefs sunrpc /var/lib/nfs/rpc_pipefs
ip link set lo up
rpcbind -w
sleep 1
rpc.statd --no-notify
nfsdcld
echo 10 > /proc/fs/nfsd/nfsv4leasetime
echo 10 > /proc/fs/nfsd/nfsv4gracetime
sysctl -q -w fs.nfs.nlm_grace_period=10
for net in 127.0.0.1 10.0.1.0/24 10.0.2.0/24; do
  exportfs -o rw,no_root_squash,insecure,fsid=0,no_subtree_check $net:/run/export
done
rpc.nfsd 4
rpc.mountd 2>/dev/null

# The clients. With one name or one network, the server takes them for one, which may keep to itself what it has cached.
for client in 1 2; do
  ip netns add client$client
  ip link add host$client type veth peer name net$client netns client$client
  ip addr add 10.0.$client.1/24 dev host$client
  ip link set host$client up
  ip -n client$client addr add 10.0.$client.2/24 dev net$client
  ip -n client$client link set net$client up
  ip -n client$client link set lo up
done
as_client() {
  nsenter --net=/run/netns/client$1 unshare --uts sh -c 'hostname client$0; exec "$@"' "$@"
}
sleep 12

for version in 4.2 4.0 3; do
  options=vers=$version,nosharecache,hard
  if [ $version = 3 ]; then
    # Its lock daemon is one for the whole kernel; it has no cache that it would be told to give up.
    mount -t nfs -o $options 127.0.0.1:/run/export /run/a && mount -t nfs -o $options 127.0.0.1:/run/export /run/b
  else
    as_client 1 mount -t nfs -o $options 10.0.1.1:/ /run/a && as_client 2 mount -t nfs -o $options 10.0.2.1:/ /run/b
  fi || { echo "FAILED $version: mount: $(dmesg | tail -n 1)"; continue; }
  (cd "$project" && "$node" "$checks" "$version" /run/a /run/b /run/export)
  umount -f /run/a /run/b
  rm -rf /run/export/*
done
echo 'the end'
