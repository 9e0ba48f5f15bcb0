using System.Collections.Concurrent;
using Lean.Comm;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;

namespace Lean.Engine.Tests.Ranks;

/// <summary>
/// Engines on every layout: the text is one device's, and a request's bits do not depend on who is beside it, on the replica
/// that it comes to, or on drafts.
/// </summary>
public sealed class RankedEngineTests
{
    private static readonly ConcurrentDictionary<(string Model, int Request), Sequence> Alone = new();

    [Theory]
    [MemberData(nameof(Layouts.All), MemberType = typeof(Layouts))]
    public void A_layout_writes_the_text_and_company_changes_no_bit(string name, int tensor, int replicas, bool expert)
    {
        string folder = Layouts.Folder(name);
        var layout = new ParallelLayout(tensor, replicas, expert);
        ModelConfig config = ModelConfigReader.Read(folder);
        GenerationRequest[] requests = RankedRequests.All(config.Vocabulary);
        using RankedModel model = RankedRequests.Open(folder, layout);
        DrafterKind drafter = expert && replicas == 4 ? DrafterKind.Lookup : DrafterKind.Mtp;
        using GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 3, Speculate = 2, Drafter = drafter });

        Sequence[] alone = [.. requests.Select(r => RankedRequests.Run(engine, r with { Speculate = 0 })[0])];
        for (int i = 0; i < requests.Length; i += 2)
        {
            Sequence expected = Alone.GetOrAdd((name, i), _ => RankedRequests.OnOneDevice(folder, requests[i]));
            RankedRequests.MustBeText(expected, alone[i], $"{name}, {layout}, request {i}");
        }

        GenerationRequest[] company = [.. requests.Reverse(), RankedRequests.Greedy(20, config.Vocabulary, seed: 9)];
        Sequence[] together = RankedRequests.Run(engine, company);
        for (int i = 0; i < requests.Length; i++)
        {
            Sampling.Requests.MustBe(alone[i], together[requests.Length - 1 - i], $"{name}, {layout}, request {i} in company");
        }

        Assert.True(engine.Drafts.Verifications > 0 || drafter == DrafterKind.Lookup);
    }

    [Theory]
    [InlineData("demo", 2, 2)]
    [InlineData("qwen3-next-moe", 1, 3)]
    [InlineData("qwen3.5-moe", 4, 1)]
    public void Rows_that_go_only_to_ranks_that_need_them_give_the_bits_of_rows_that_go_to_all(string name, int tensor, int replicas)
    {
        string folder = Layouts.Folder(name);
        GenerationRequest[] requests = RankedRequests.All(ModelConfigReader.Read(folder).Vocabulary);
        Sequence[] gathered = Run(DispatchKind.Gather), exchanged = Run(DispatchKind.Exchange);
        for (int i = 0; i < requests.Length; i++)
        {
            Sampling.Requests.MustBe(gathered[i], exchanged[i], $"{name}, request {i}, rows only to ranks that need them");
        }

        Sequence[] Run(DispatchKind dispatch)
        {
            using RankedModel model = RankedModel.Open(folder, new RankOptions { Layout = new ParallelLayout(tensor, replicas, expert: true), Dispatch = dispatch });
            using GenerationEngine engine = model.Start(new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 3, Speculate = 2 });
            Sequence[] found = RankedRequests.Run(engine, requests);
            Assert.Equal(dispatch == DispatchKind.Exchange, model.Ranks.Collectives[(int)CollectiveKind.AllToAll] > 0);
            return found;
        }
    }
}
