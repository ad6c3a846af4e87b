//! Shapes of the API type `Action`.

use crate::finding::decode::collections::Map;
use crate::finding::decode::member::shapes;
use crate::finding::decode::raw::JsonText;
use crate::finding::decode::values::Text;

shapes! {
    Action {
        action_type: Text<'a> = "actionType",
        aws_api_call_action: Box<AwsApiCallAction<'a>> = "awsApiCallAction",
        dns_request_action: Box<DnsRequestAction<'a>> = "dnsRequestAction",
        network_connection_action: Box<NetworkConnectionAction<'a>> = "networkConnectionAction",
        port_probe_action: Box<PortProbeAction<'a>> = "portProbeAction",
        kubernetes_api_call_action: Box<KubernetesApiCallAction<'a>> = "kubernetesApiCallAction",
        kubernetes_permission_checked_details: Box<KubernetesPermissionCheckedDetails<'a>> = "kubernetesPermissionCheckedDetails",
        kubernetes_role_binding_details: Box<KubernetesRoleBindingDetails<'a>> = "kubernetesRoleBindingDetails",
        kubernetes_role_details: Box<KubernetesRoleDetails<'a>> = "kubernetesRoleDetails",
        rds_login_attempt_action: Box<RdsLoginAttemptAction<'a>> = "rdsLoginAttemptAction",
    }

    AwsApiCallAction {
        api: Text<'a> = "api",
        caller_type: Text<'a> = "callerType",
        domain_details: Box<DomainDetails<'a>> = "domainDetails",
        error_code: Text<'a> = "errorCode",
        user_agent: Text<'a> = "userAgent",
        remote_ip_details: Box<RemoteIpDetails<'a>> = "remoteIpDetails",
        service_name: Text<'a> = "serviceName",
        remote_account_details: Box<RemoteAccountDetails<'a>> = "remoteAccountDetails",
        affected_resources: Map<'a, Text<'a>> = "affectedResources",
    }

    DnsRequestAction {
        domain: Text<'a> = "domain",
        protocol: Text<'a> = "protocol",
        blocked: bool = "blocked",
        domain_with_suffix: Text<'a> = "domainWithSuffix",
        vpc_owner_account_id: Text<'a> = "vpcOwnerAccountId",
    }

    NetworkConnectionAction {
        blocked: bool = "blocked",
        connection_direction: Text<'a> = "connectionDirection",
        local_port_details: Box<LocalPortDetails<'a>> = "localPortDetails",
        protocol: Text<'a> = "protocol",
        local_ip_details: Box<LocalIpDetails<'a>> = "localIpDetails",
        local_network_interface: Text<'a> = "localNetworkInterface",
        remote_ip_details: Box<RemoteIpDetails<'a>> = "remoteIpDetails",
        remote_port_details: Box<RemotePortDetails<'a>> = "remotePortDetails",
    }

    PortProbeAction {
        blocked: bool = "blocked",
        port_probe_details: Vec<PortProbeDetail<'a>> = "portProbeDetails",
    }

    KubernetesApiCallAction {
        request_uri: Text<'a> = "requestUri",
        verb: Text<'a> = "verb",
        resource: Text<'a> = "resource",
        subresource: Text<'a> = "subresource",
        namespace: Text<'a> = "namespace",
        resource_name: Text<'a> = "resourceName",
        source_ips: Vec<Text<'a>> = "sourceIPs",
        user_agent: Text<'a> = "userAgent",
        remote_ip_details: Box<RemoteIpDetails<'a>> = "remoteIpDetails",
        status_code: i64 = "statusCode",
        parameters: JsonText<'a> = "parameters",
    }

    KubernetesPermissionCheckedDetails {
        verb: Text<'a> = "verb",
        resource: Text<'a> = "resource",
        namespace: Text<'a> = "namespace",
        allowed: bool = "allowed",
    }

    KubernetesRoleBindingDetails {
        kind: Text<'a> = "kind",
        name: Text<'a> = "name",
        uid: Text<'a> = "uid",
        role_ref_name: Text<'a> = "roleRefName",
        role_ref_kind: Text<'a> = "roleRefKind",
    }

    KubernetesRoleDetails {
        kind: Text<'a> = "kind",
        name: Text<'a> = "name",
        uid: Text<'a> = "uid",
    }

    RdsLoginAttemptAction {
        remote_ip_details: Box<RemoteIpDetails<'a>> = "remoteIpDetails",
        login_attributes: Vec<LoginAttribute<'a>> = "LoginAttributes",
    }

    DomainDetails {
        domain: Text<'a> = "domain",
    }

    RemoteIpDetails {
        city: Box<City<'a>> = "city",
        country: Box<Country<'a>> = "country",
        ip_address_v4: Text<'a> = "ipAddressV4",
        ip_address_v6: Text<'a> = "ipAddressV6",
        organization: Box<Organization<'a>> = "organization",
    }

    RemoteAccountDetails {
        account_id: Text<'a> = "accountId",
        affiliated: bool = "affiliated",
        aws_service_name: Text<'a> = "awsServiceName",
    }

    LocalPortDetails {
        port: i64 = "port",
        port_name: Text<'a> = "portName",
    }

    LocalIpDetails {
        ip_address_v4: Text<'a> = "ipAddressV4",
        ip_address_v6: Text<'a> = "ipAddressV6",
    }

    RemotePortDetails {
        port: i64 = "port",
        port_name: Text<'a> = "portName",
    }

    PortProbeDetail {
        local_port_details: Box<LocalPortDetails<'a>> = "localPortDetails",
        remote_ip_details: Box<RemoteIpDetails<'a>> = "remoteIpDetails",
    }

    LoginAttribute {
        user: Text<'a> = "user",
        application: Text<'a> = "application",
        failed_login_attempts: i64 = "failedLoginAttempts",
        successful_login_attempts: i64 = "successfulLoginAttempts",
        incomplete_connection_count: i64 = "incompleteConnectionCount",
    }

    City {
        city_name: Text<'a> = "cityName",
    }

    Country {
        country_code: Text<'a> = "countryCode",
        country_name: Text<'a> = "countryName",
    }

    Organization {
        asn: Text<'a> = "asn",
        asn_org: Text<'a> = "asnOrg",
        isp: Text<'a> = "isp",
        org: Text<'a> = "org",
    }
}
