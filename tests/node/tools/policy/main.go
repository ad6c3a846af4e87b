// The NetworkPolicy controller of kube-router alone: it enforces NetworkPolicies with iptables and ipset.
package main

import (
	"flag"
	"os"
	"sync"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	node := flag.String("node", "", "the name of this node")
	services := flag.String("service-cidr", "", "the addresses of Services")
	flag.Parse()

	if err := enforce(*kubeconfig, *node, *services); err != nil {
		klog.ErrorS(err, "policies are not enforced")
		os.Exit(1)
	}
}

// enforce returns only with an error.
func enforce(kubeconfig, node, services string) error {
	address, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(address)
	if err != nil {
		return err
	}

	config := options.NewKubeRouterConfig()
	config.ClusterIPCIDRs = []string{services}
	config.EnableIPv4 = true
	config.HostnameOverride = node
	config.IPTablesSyncPeriod = 20 * time.Second
	tables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}

	informer := informers.NewSharedInformerFactory(client, 0)
	pods := informer.Core().V1().Pods().Informer()
	namespaces := informer.Core().V1().Namespaces().Informer()
	policies := informer.Networking().V1().NetworkPolicies().Informer()
	var mutex sync.Mutex
	controller, err := netpol.NewNetworkPolicyController(
		client, config, pods, policies, namespaces, &mutex, tables, sets)
	if err != nil {
		return err
	}

	forever := make(chan struct{})
	informer.Start(forever)
	informer.WaitForCacheSync(forever)
	pods.AddEventHandler(controller.PodEventHandler)
	namespaces.AddEventHandler(controller.NamespaceEventHandler)
	policies.AddEventHandler(controller.NetworkPolicyEventHandler)

	heartbeats := make(chan *healthcheck.ControllerHeartbeat, 10)
	go func() {
		for range heartbeats {
		}
	}()
	var running sync.WaitGroup
	running.Add(1)
	controller.Run(heartbeats, forever, &running)
	return nil
}
