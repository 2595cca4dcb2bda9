"""ministack, less lenient: CloudFormation's refusals and its drift-aware change sets, around the unmodified program.

Some of ministack's functions are replaced in this process, and then it starts as it starts itself. What is replaced has
private names, so this file knows one version and runs with no other. (`--check` sees to that, and does nothing else.)

 * A stack that is busy or dead takes no change, and says so in CloudFormation's words.
 * `DeploymentMode=REVERT_DRIFT`: a change set is made against what is really there, tells of the drift that it found,
   puts it back when it is executed, and is undone to the drift when it fails.
 * A change set is also found by its name and the ARN of its stack.
 * Drift detection has happened when somebody has asked once whether it has.
 * Whose a resource is can be asked by its name in the account (`DescribeStackResources`).
 * `DescribeStacks` names the change set that was executed last, and the role.
 * Where policies are looked at: a request to CloudFormation tells IAM its change set's name and its role, and one for a change set
   or for several parameters what it is about.
 * A policy's condition on `aws:PrincipalArn` sees the role, not the session of whoever assumed it.

Not here, though AWS has it: a difference is one of a whole property, and its values are not told; what refers to a
resource that is made again shows no change; a tag that was lost is empty, not lost, after its return has failed.
"""

import inspect
import json
import re
import sys
from functools import partial
from importlib import metadata

KNOWN = "1.5.33"


def end(why):
    sys.exit(f"strict.py knows ministack {KNOWN} from the inside: {why}")


try:
    if (version := metadata.version("ministack")) != KNOWN:
        end(f"this is {version}")
    from ministack.app import main
    from ministack.core import iam_actions, iam_evaluator
    from ministack.core.responses import new_uuid, now_iso
    from ministack.services.cloudformation import _ACTION_HANDLERS, _change_sets, _stacks, changesets
    from ministack.services.cloudformation.changesets import _find_change_set
    from ministack.services.cloudformation.drift import detect_resource_drift, supports_drift
    from ministack.services.cloudformation.handlers import _drift_target, _resolve_stack
    from ministack.services.cloudformation.helpers import _error, _esc, _p, _xml

    asked_with, asked_about = iam_actions.request_tag_context, iam_actions.extract_resource_arn
    diff, track = changesets._diff_resources, changesets._track_change_set_execution
    resolve = iam_evaluator._resolve_condition_key
except metadata.PackageNotFoundError:
    end(f"{sys.executable} has none")
except (ImportError, AttributeError) as error:
    end(f"this one lacks something. {error}")

TAKES = {
    asked_with: "service iam_action body params",
    asked_about: "service method path headers body query_params region account_id",
    diff: "old_template new_template resources template changed_params retag",
    track: "change_set stack deploy_coro",
    _find_change_set: "cs_name stack_name",
    detect_resource_drift: "stack logical_id record timestamp",
    _drift_target: "stack_name",
    _resolve_stack: "stack_name",
    resolve: "key ctx",
}
for hook, takes in TAKES.items():
    if (does := " ".join(inspect.signature(hook).parameters)) != takes:
        end(f"{hook.__name__} of this one takes {does}, not {takes}")

# What is noted beside ministack's own keys, in a change set and in a stack.
DRIFTS, RECORDED, EXECUTED, ROLE = "strict:drifts", "strict:recorded", "strict:executed", "strict:role"


def around(actions):
    """Puts a function around what answers these actions: it is given that, and the request."""

    def put(function):
        for action in actions.split():
            if action not in _ACTION_HANDLERS:
                end(f"this one does not answer {action}")
            _ACTION_HANDLERS[action] = partial(function, _ACTION_HANDLERS[action])

    return put


def stack_of(params):
    return _resolve_stack(_p(params, "StackName"))


def change_set_of(params):
    return _find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))[1]


# Drift-aware change sets. A drift is a status and, for what was modified, the actual values of the properties that are
# not as they were deployed.

ABSENT = ...


def drift_of(stack, logical, record):
    if not supports_drift(record["ResourceType"]):
        return "UNSUPPORTED", {}
    drift = detect_resource_drift(stack, logical, record, now_iso())
    names = {difference["PropertyPath"].split("/")[1] for difference in drift.get("PropertyDifferences", [])}
    expected, actual = (json.loads(drift.get(f"{side}Properties", "{}")) for side in ("Expected", "Actual"))
    if "Tags" in names & actual.keys():
        actual["Tags"] = own_tags(actual["Tags"], expected["Tags"])
    values = {name: actual.get(name, ABSENT) for name in names}
    differ = {name: value for name, value in values.items() if value != expected.get(name)}
    return drift["StackResourceDriftStatus"], differ


def own_tags(tags, expected):
    """The stack's own tags, as they are: a foreign one stays where it is. One that is lost stands there with no value,
    for ministack would take it from the stack otherwise, find nothing different, and write nothing."""
    if isinstance(expected, dict):
        return {key: tags.get(key, "") for key in expected}
    values = {tag["Key"]: tag["Value"] for tag in tags}
    return [{**tag, "Value": values.get(tag["Key"], "")} for tag in expected]


def as_found(resource, values):
    """A declaration or a record, with these values in place of its own."""
    properties = {**(resource.get("Properties") or {}), **values}
    return {**resource, "Properties": {name: value for name, value in properties.items() if value is not ABSENT}}


def diff_with_actual(drifts, old, new, resources, *more):
    """ministack's comparison of two templates, but with the old one as it is really there."""
    before, wanted = dict(old.get("Resources", {})), new.get("Resources", {})
    for logical in drifts.keys() & before.keys() & wanted.keys():
        status, values = drifts[logical]
        before[logical] = as_found(before[logical], values)
        if status == "DELETED":
            del before[logical]
    changes = diff({**old, "Resources": before}, new, resources, *more)
    told = {change["ResourceChange"]["LogicalResourceId"] for change in changes}
    # Where the template has followed the drift nothing is written, but the resource is in step again.
    for logical in sorted(drifts.keys() & wanted.keys() - told):
        if drifts[logical][0] == "MODIFIED":
            physical = {name: resources[logical][name] for name in ("PhysicalResourceId", "ResourceType")}
            change = {"Action": "SyncWithActual", "LogicalResourceId": logical, **physical}
            changes.append({"ResourceChange": change})
    return changes


@around("CreateChangeSet")
def create_change_set(inner, params):
    stack, aware = stack_of(params), _p(params, "DeploymentMode") == "REVERT_DRIFT"
    records = stack["_resources"] if aware and stack else {}
    drifts = {logical: drift_of(stack, logical, record) for logical, record in records.items()}
    # A handler never waits, so no other request sees this.
    changesets._diff_resources = partial(diff_with_actual, drifts)
    try:
        answer = inner(params)
    finally:
        changesets._diff_resources = diff
    if answer[0] != 200:
        return answer
    change_set_id = re.search(b"<Id>(.+?)</Id>", answer[2])[1].decode()
    change_set = _change_sets[change_set_id]
    resources = change_set["_template"].get("Resources", {}).values()
    if aware and any(resource.get("Type") == "AWS::CloudFormation::Stack" for resource in resources):
        del _change_sets[change_set_id]
        # No document says what AWS does here; so nobody can rely on it that it works.
        return _error("ValidationError", "DeploymentMode REVERT_DRIFT is not supported with nested stacks")
    change_set |= {DRIFTS: drifts if aware else None, ROLE: _p(params, "RoleARN")}
    return answer


@around("DescribeChangeSet")
def describe_change_set(inner, params):
    status, headers, body = inner(params)
    drifts = change_set_of(params)[DRIFTS] if status == 200 else None
    if drifts is None:
        return status, headers, body
    seen = {drift for drift, _ in drifts.values()}
    overall = "DRIFTED" if seen & {"MODIFIED", "DELETED"} else "UNKNOWN" if "UNKNOWN" in seen else "IN_SYNC"

    def told(match):
        known = drifts.get(match[1])
        return match[0] + (f"<ResourceDriftStatus>{known[0]}</ResourceDriftStatus>" if known else "")

    begin = "<DescribeChangeSetResult>"
    more = f"<DeploymentMode>REVERT_DRIFT</DeploymentMode><StackDriftStatus>{overall}</StackDriftStatus>"
    text = re.sub("<LogicalResourceId>(.+?)</LogicalResourceId>", told, body.decode())
    return status, headers, text.replace(begin, begin + more).encode()


@around("ExecuteChangeSet")
def execute_change_set(inner, params):
    change_set = change_set_of(params)
    stack = change_set and _resolve_stack(change_set["StackName"])
    if not stack:
        return inner(params)
    recorded, drifts = stack["_resources"], change_set[DRIFTS]
    wanted = change_set["_template"].get("Resources", {})
    # ministack makes what it has no record of, and writes what is not as recorded; to the records it goes back.
    if drifts:
        stack["_resources"] = {
            logical: as_found(record, values)
            for logical, record in recorded.items()
            for status, values in [drifts.get(logical, ("UNKNOWN", {}))]
            if status != "DELETED" or logical not in wanted
        }
    answer = inner(params)
    if answer[0] == 200:
        change_set[RECORDED] = recorded if drifts else {}
        stack |= {EXECUTED: change_set["ChangeSetId"], ROLE: change_set[ROLE] or stack.get(ROLE)}
    else:
        stack["_resources"] = recorded
    return answer


async def track_execution(change_set, stack, deploy_coro):
    """When a change set has run. After one that failed, what was deployed is still what should be there."""
    await track(change_set, stack, deploy_coro)
    if stack["StackStatus"].startswith("UPDATE_ROLLBACK"):
        for logical, record in change_set[RECORDED].items():
            stack["_resources"].setdefault(logical, record)["Properties"] = record["Properties"]


changesets._track_change_set_execution = track_execution


# What DescribeStacks does not tell.


@around("CreateStack UpdateStack")
def change_directly(inner, params):
    answer = inner(params)
    if answer[0] == 200 and (stack := stack_of(params)):
        stack |= {EXECUTED: None, ROLE: _p(params, "RoleARN") or stack.get(ROLE)}
    return answer


@around("DescribeStacks")
def describe_stacks(inner, params):
    def told(match):
        stack = _resolve_stack(match[1])
        silent = re.match("ROLLBACK_(COMPLETE|FAILED)|DELETE_", stack["StackStatus"])
        more = {"ChangeSetId": None if silent else stack.get(EXECUTED), "RoleARN": stack.get(ROLE)}
        return match[0] + "".join(f"<{name}>{_esc(text)}</{name}>" for name, text in more.items() if text)

    status, headers, body = inner(params)
    return status, headers, re.sub("<StackId>(.+?)</StackId>", told, body.decode()).encode()


@around("DescribeStackResources")
def describe_stack_resources(inner, params):
    if not (physical := _p(params, "PhysicalResourceId")):
        return inner(params)
    for stack in list(_stacks.values()):
        for logical, resource in stack.get("_resources", {}).items():
            if resource.get("PhysicalResourceId") == physical:
                return inner({"StackName": [stack["StackName"]], "LogicalResourceId": [logical]})
    return _error("ValidationError", f"Stack for {physical} does not exist")


# Drift detection. What was begun and nobody has asked about: its stack, and what looks at it.

begun = {}


@around("DetectStackDrift")
def detect_stack_drift(inner, params):
    stack, refusal = _drift_target(_p(params, "StackName"))
    if refusal:
        return refusal
    detection = new_uuid()
    begun[detection] = stack, partial(inner, params)
    inside = f"<StackDriftDetectionId>{detection}</StackDriftDetectionId>"
    return _xml(200, "DetectStackDriftResponse", f"<DetectStackDriftResult>{inside}</DetectStackDriftResult>")


@around("DescribeStackDriftDetectionStatus")
def describe_detection(inner, params):
    detection, name = _p(params, "StackDriftDetectionId"), "DescribeStackDriftDetectionStatus"
    if detection not in begun:
        return inner(params)
    stack, look = begun.pop(detection)
    answer = look()
    if answer[0] != 200:
        return answer
    detections = stack["_drift_detections"]
    detections[detection] = {**detections.popitem()[1], "StackDriftDetectionId": detection}
    told = {"StackId": stack["StackId"], "StackDriftDetectionId": detection,
            "DetectionStatus": "DETECTION_IN_PROGRESS", "Timestamp": now_iso()}
    inside = "".join(f"<{key}>{_esc(text)}</{key}>" for key, text in told.items())
    return _xml(200, f"{name}Response", f"<{name}Result>{inside}</{name}Result>")


# Around all of the above: whether the stack's status lets it happen, and which stack is meant.

# Where nothing is under way. (What failed with its rollback disabled can be changed only without one: not looked at.)
UPDATABLE = "(CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT|IMPORT_ROLLBACK)_COMPLETE|(CREATE|UPDATE)_FAILED"
EMPTY = "REVIEW_IN_PROGRESS|DELETE_COMPLETE"
# A creation can be cut short by a deletion, and a deletion asked for twice.
UNDELETABLE = "(UPDATE|IMPORT)_.*IN_PROGRESS"


@around("CreateChangeSet ExecuteChangeSet UpdateStack")
def only_what_is_updatable(inner, params):
    stack = stack_of(params)
    if not stack and (change_set := change_set_of(params)):
        stack = _resolve_stack(change_set["StackName"])
    if stack and not re.fullmatch(f"{UPDATABLE}|{EMPTY}", status := stack["StackStatus"]):
        return _error("ValidationError", f"Stack:{stack['StackId']} is in {status} state and can not be updated.")
    return inner(params)


@around("DeleteStack")
def only_what_is_deletable(inner, params):
    stack = stack_of(params)
    if stack and re.fullmatch(UNDELETABLE, status := stack["StackStatus"]):
        return _error("ValidationError", f"Stack [{stack['StackId']}] cannot be deleted while in status {status}")
    return inner(params)


@around("CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets")
def by_the_stacks_name(inner, params):
    stack = stack_of(params)
    if stack and stack["StackStatus"] != "DELETE_COMPLETE":
        params = {**params, "StackName": [stack["StackName"]]}
    return inner(params)


# What IAM is asked, where policies are looked at.


def with_change_set_and_role(service, iam_action, body, params):
    told = asked_with(service, iam_action, body, params)
    if service == "cloudformation":
        for key, name in {"ChangeSetName": "ChangeSetName", "RoleArn": "RoleARN"}.items():
            if value := _p(params, name):
                told[f"cloudformation:{key}"] = value
    return told


def about_change_set_and_parameters(service, method, path, headers, body, query_params, region, account_id):
    found = asked_about(service, method, path, headers, body, query_params, region, account_id)
    if found == "*" and service == "cloudformation" and (name := _p(query_params, "ChangeSetName")).startswith("arn:"):
        return name
    if found == "*" and service == "ssm" and (names := json.loads(body or "{}").get("Names")):
        # The first of them: which others there are makes no difference to a policy that lets all of them in.
        return f"arn:aws:ssm:{region}:{account_id}:parameter/{names[0].lstrip('/')}"
    return found


iam_actions.request_tag_context = with_change_set_and_role
iam_actions.extract_resource_arn = about_change_set_and_parameters


# Who asks, in the condition of a policy.


def by_its_role(key, ctx):
    value = resolve(key, ctx)
    if key.lower() != "aws:principalarn" or not value:
        return value
    return re.sub("^arn:(.*):sts::(.*):assumed-role/(.*)/.*$", r"arn:\1:iam::\2:role/\3", value)


iam_evaluator._resolve_condition_key = by_its_role


if __name__ == "__main__" and "--check" not in sys.argv[1:]:
    main()
