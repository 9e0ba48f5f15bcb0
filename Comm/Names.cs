namespace Lean.Comm;

/// <summary>The names of the field, as messages and dumps print them.</summary>
internal static class Names
{
    public static string Of(GroupKind kind) => kind switch
    {
        GroupKind.World => "world",
        GroupKind.Tensor => "tp",
        GroupKind.Data => "dp",
        GroupKind.Expert => "ep",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a GroupKind"),
    };

    public static string Of(CollectiveKind kind) => kind switch
    {
        CollectiveKind.AllReduce => "all_reduce",
        CollectiveKind.AllGather => "all_gather",
        CollectiveKind.ReduceScatter => "reduce_scatter",
        CollectiveKind.AllToAll => "all_to_all",
        CollectiveKind.Broadcast => "broadcast",
        CollectiveKind.SendReceive => "send_receive",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a CollectiveKind"),
    };

    public static string Of(CollectivePurpose purpose) => purpose switch
    {
        CollectivePurpose.None => "",
        CollectivePurpose.Plan => "plan",
        CollectivePurpose.SelfTest => "self-test",
        CollectivePurpose.Embedding => "embedding",
        CollectivePurpose.Attention => "attention",
        CollectivePurpose.DeltaNet => "gated deltanet",
        CollectivePurpose.Mlp => "mlp",
        CollectivePurpose.Dispatch => "dispatch",
        CollectivePurpose.Combine => "combine",
        CollectivePurpose.SharedExpert => "shared expert",
        CollectivePurpose.Head => "head",
        CollectivePurpose.Draft => "draft",
        CollectivePurpose.Result => "result",
        CollectivePurpose.Candidates => "candidates",
        CollectivePurpose.TopK => "top-k",
        CollectivePurpose.TopP => "top-p",
        CollectivePurpose.Draw => "draw",
        CollectivePurpose.DispatchCounts => "dispatch counts",
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "not a CollectivePurpose"),
    };

    /// <summary>What stands in brackets behind a collective: its kind, layer and purpose.</summary>
    public static string Use(CollectiveKind kind, int layer, CollectivePurpose purpose) =>
        $"{Of(kind)}{(layer < 0 ? "" : $", layer {layer}")}{(purpose == CollectivePurpose.None ? "" : $", {Of(purpose)}")}";

    /// <summary>"rank 2" or "ranks 0, 1, 3".</summary>
    public static string Ranks(IReadOnlyCollection<int> ranks) => $"{(ranks.Count == 1 ? "rank" : "ranks")} {string.Join(", ", ranks)}";
}
