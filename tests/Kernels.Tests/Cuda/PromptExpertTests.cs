using System.Text;
using Lean.Kernels.Device;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>A prompt's routed experts by wgmma: the order of their tiles, and the kernels' text on the model of a card.</summary>
public sealed class PromptExpertTests
{
    private const string GateUp = "expert_gate_up_warpgroup_split", Down = "expert_down_warpgroup_split";

    // Rows of each expert: none at all, one expert's, every edge of a tile, and random ones as a prompt of 2,048 and of 8,192 has.
    public static TheoryData<string, int[]> Routings { get; } = new()
    {
        { "none", [0, 0, 0] },
        { "one row", [0, 1, 0] },
        { "one expert", [8192 * 8] },
        { "one of many", [.. Enumerable.Range(0, 300).Select(e => e == 270 ? 65_536 : 0)] },
        { "edges", [0, 1, 15, 16, 17, 127, 143, 144, 145, 0, 287, 288, 289, 431, 432, 433] },
        { "2048", Random(2048, 256) },
        { "8192", Random(8192, 256) },
        { "8192 of 512", Random(8192, 512) },
    };

    [Theory]
    [MemberData(nameof(Routings))]
    public void Every_row_meets_every_column_of_its_expert_once(string name, int[] rows)
    {
        int[] plan = rows.Length < 20 ? Plan(rows) : Planned(rows), firstPlace = [.. rows.Select((_, e) => rows[..e].Sum())];
        int places = rows.Sum(), tiles = plan[0];
        Assert.Equal(rows.Sum(ExpertTiles.Count), tiles);
        foreach (int columnTiles in (int[])[1, 4, 8])
        {
            foreach (int groups in (int[])[1, 3, 132])
            {
                var met = new byte[places * columnTiles];
                var cost = new long[groups];
                for (int group = 0; group < groups; group++)
                {
                    for (int round = 0; ExpertTiles.Unit(round, group, groups) is int unit && unit < tiles * columnTiles; round++)
                    {
                        int entry = (ExpertTiles.Entry(unit, columnTiles) + 1) * ExpertTiles.Columns;
                        ExpertTile tile = ExpertTiles.Tile(unit, columnTiles, plan[entry], plan[entry + 1], plan[entry + 2], plan[entry + 3]);
                        Assert.InRange(tile.Rows, 1, ExpertTiles.Rows);
                        Assert.InRange(tile.Across, 0, columnTiles - 1);
                        Assert.Equal(0, (tile.Place - firstPlace[tile.Expert]) % ExpertTiles.Step);
                        Assert.InRange(tile.Place, firstPlace[tile.Expert], firstPlace[tile.Expert] + rows[tile.Expert] - tile.Rows);
                        Assert.InRange(ExpertTiles.Steps(tile.Rows), ExpertTiles.Most(rows[tile.Expert]) - 1, ExpertTiles.Most(rows[tile.Expert]));
                        for (int i = 0; i < tile.Rows; i++)
                        {
                            met[((tile.Place + i) * columnTiles) + tile.Across]++;
                        }

                        cost[group] += ExpertTiles.Steps(tile.Rows);
                    }
                }

                Assert.True(met.AsSpan().IndexOfAnyExcept((byte)1) < 0, $"{name}: something is made twice or never by {groups} groups");

                // Nobody has two whole tiles more than the mean.
                Assert.InRange(cost.Max(), 0, cost.Average() + (2 * ExpertTiles.Steps(ExpertTiles.Rows)));
            }
        }
    }

    [Fact]
    public void The_kernel_lists_what_the_functions_say()
    {
        int[] rows = Random(40, 30), expected = Planned(rows);
        Assert.Equal(expected[4..], Plan(rows)[4..expected.Length]);
        Assert.Equal(expected[0], Plan(rows)[0]);
    }

    // Fewer entries than a warp has lanes, and more than all warps read at once; parts of the experts; a shared expert; as many experts as the kernels take.
    [Theory]
    [InlineData(3, 30, 0, 0)]
    [InlineData(130, 40, 0, 70)]
    [InlineData(130, 40, 5, 0)]
    [InlineData(2100, 9, 2, 0)]
    [InlineData(8200, 20, 0, 30)]
    [InlineData(200, 256, 0, 200)]
    [InlineData(300, 512, 3, 1)]
    public void Entries_have_places_by_expert_in_their_order(int rows, int experts, int firstExpert, int sharedRows)
    {
        int[] counts = Random(rows, experts), plan = Plan(counts, firstExpert, sharedRows, out int[] entries, out int[] places, out int[] behind);
        int[] order = [.. Enumerable.Range(0, entries.Length).Where(i => entries[i] >= firstExpert && entries[i] < firstExpert + experts).OrderBy(i => entries[i])];
        Assert.Equal(counts.Sum(), order.Length);
        var expected = new int[entries.Length];
        Array.Fill(expected, -1);
        for (int place = 0; place < order.Length; place++)
        {
            expected[order[place]] = place;
        }

        Assert.Equal(expected, places);
        Assert.Equal([.. order, .. new int[entries.Length - order.Length], .. Enumerable.Range(0, sharedRows)], behind);
        Assert.Equal(Planned(sharedRows > 0 ? [.. counts, sharedRows] : counts)[4..], plan[4..((plan[0] + 1) * ExpertTiles.Columns)]);
    }

    // The shared expert as one more of the routed ones, whose bits are those of the two ops; generated rows behind.
    [Theory]
    [InlineData(70, 67, 2, false)]
    [InlineData(3, 3, 1, true)]
    public void A_mixture_has_the_bits_of_the_two_ops(int rows, int prompts, int parts, bool rounds)
    {
        const int Hidden = 72, Width = 136, Experts = 5, TopK = 2;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, rounds ? DType.BF16 : DType.F32);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape pairs = new(rows, TopK), both = new(Experts, 2 * Width, Hidden), single = new(Experts, Hidden, Width), half = new(Width, Hidden), full = new(rows, Hidden);
        Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(1, full.Count)), mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * TopK).Select(i => ((i / TopK * 3) + (i % TopK)) % Experts)]);
        Tensor logit = memory.New("logit", DType.F32, new Shape(rows, 3), SelfCases.Normal(3, rows * 3)).Columns(1, 1);
        var weights = ExpertWeights.Fused(memory.New("gateUp", DType.BF16, both, SelfCases.Normal(4, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(5, single.Count)));
        Tensor gate = memory.New("gate", DType.BF16, half, SelfCases.Normal(6, half.Count)), up = memory.New("up", DType.BF16, half, SelfCases.Normal(7, half.Count));
        Tensor fused = memory.New("fused", DType.BF16, new Shape(2 * Width, Hidden), [.. SelfCases.Normal(6, half.Count), .. SelfCases.Normal(7, half.Count)]);
        var shared = new SharedExpert(parts == 1 ? new LinearWeight(fused) : new LinearWeight(gate, up), new LinearWeight(memory.New("sharedDown", DType.BF16, new Shape(Hidden, Width), SelfCases.Normal(8, half.Count))));
        Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.ExpertMixture.ScratchBytes(weights, shared, rows, TopK))), output = memory.New("output", DType.F32, full), two = memory.New("two", DType.F32, full);
        set.ExpertMixture.Run(x, weights, shared, chosen, mix, logit, scratch, output, prompts);
        Assert.Contains(rounds ? "experts_combine_wide_shared_bf16" : "experts_combine_wide_shared", stream.Ran);
        Assert.DoesNotContain("mlp_terms_wide", stream.Ran);
        set.GroupedExperts.Run(x, weights, chosen, mix, scratch, two, prompts);
        var inner = new Tensor(DType.F32, new Shape(rows, 2 * Width), scratch.Address);
        if (rounds)
        {
            // The shared expert's sums are rounded beside the routed ones', and not alone.
            Tensor total = memory.New("total", DType.F32, full), summed = memory.New("summed", DType.F32, full);
            set.GatedMlp.Run(x, shared.GateUp, shared.Down, default, default, inner, total, prompts);
            Tensor rounded = memory.New("rounded", DType.F32, full, [.. total.AsSpan<float>().ToArray().Select(RoundedActivations.Round)]);
            Tensor places = memory.New("places", new Shape(rows, 1), [.. Enumerable.Range(0, rows)]), ones = memory.New("ones", DType.F32, new Shape(rows, 1), [.. Enumerable.Repeat(1f, rows)]);
            set.ExpertMixture.Sum(new ExpertParts(places, ones, two, rounded, logit), summed);
            two = summed;
        }
        else
        {
            set.GatedMlp.Run(x, shared.GateUp, shared.Down, logit, two, inner, two, prompts);
        }

        Assert.Null(memory.Fault());
        Assert.Equal(two.AsSpan<float>().ToArray(), output.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Experts_with_larger_tiles_come_first_then_those_with_more_rows_and_equals_in_their_order()
    {
        int[] plan = Plan([5, 65, 0, 66, 300, 66, 144]);
        Assert.Equal([6, 4, 4, 4, 3, 5, 1, 0], Enumerable.Range(1, plan[0]).Select(i => plan[(i * ExpertTiles.Columns) + 1]));
    }

    // Rows in cuts and alone: the self-test's calls compare them. One tile of rows and of columns and several, as many steps as a tile may have, K that
    // fills no block, and more blocks than the ring has places; two terms and one.
    [Theory]
    [InlineData("[3, 136] by 200, 1 of 3", false)]
    [InlineData("[3, 264] by 128, 1 of 3", false)]
    [InlineData("[129, 72] by 136, 1 of 1", false)]
    [InlineData("[3, 136] by 72, 4 of 20 experts, of which 12", false)]
    [InlineData("[1189, 72] by 40, 1 of 17", false)]
    [InlineData("[3, 328] by 200, 1 of 3", true)]
    [InlineData("[129, 72] by 136, 1 of 1", true)]
    public void The_selftests_calls_are_right(string name, bool rounds)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        DType activations = rounds ? DType.BF16 : DType.F32;
        KernelSet kernels = DeviceKernelSet.Create(stream, activations);
        SelfCase test = Assert.Single(SelfCases.All(), c => c.Op == "prompt_experts" && c.Name.Contains(name, StringComparison.Ordinal));
        float[][] expected = Outputs(test, ReferenceKernels.Create(kernels.CacheType, activations)), found = Outputs(test, kernels);
        Assert.InRange(Compare.Distance(expected[0], found[0]), rounds ? 1e-4 : 0, test.AllowedOn(kernels));
        Assert.All(found[1..], differences => Assert.All(differences, d => Assert.Equal(0, d)));
        string[] ran = rounds
            ? ["experts_order_few", "activation_terms_wide_rounded", "expert_gate_up_warpgroup_rounded", "expert_down_warpgroup_rounded", "experts_combine_wide_bf16"]
            : ["experts_order_few", "activation_terms_wide", GateUp, Down, "experts_combine_wide"];
        Assert.Equal(ran, stream.Ran.Distinct());
    }

    [Theory]
    [InlineData(GateUp, "cp.async.mbarrier.arrive.noinc.shared.b64 [", "mbarrier.arrive.shared::cta.b64 %rd1, [")]
    [InlineData(GateUp, "wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;")]
    [InlineData(Down, "wgmma.wait_group.sync.aligned 0;", "")]
    [InlineData(Down, "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    public void The_model_sees_groups_that_wait_too_little(string kernel, string from, string to)
    {
        // More blocks than the ring has places; copies and products are late in turn, from the first kernel or the second on.
        SelfCase test = Assert.Single(SelfCases.All(), c => c.Op == "prompt_experts" && c.Name.Contains("[3, 264] by 128, 1 of 3", StringComparison.Ordinal));
        float[] expected = Outputs(test, ReferenceKernels.Create(DType.BF16))[0];
        int planted = 0;
        Assert.ThrowsAny<Exception>(() =>
        {
            foreach (string[] before in (string[][])[[], ["nothing"]])
            {
                using var stream = new PtxStream(MatrixUnits.WarpGroup) { Change = Plant };
                stream.Ran.AddRange(before);
                Assert.InRange(Compare.Distance(expected, Outputs(test, DeviceKernelSet.Create(stream))[0]), 0, test.Allowed);
            }
        });
        Assert.InRange(planted, 1, 2);

        string Plant(string text)
        {
            if (!text.Contains($".entry {kernel}", StringComparison.Ordinal))
            {
                return text;
            }

            Assert.Contains(from, text, StringComparison.Ordinal);
            planted++;
            return text.Replace(from, to, StringComparison.Ordinal);
        }
    }

    // The model has one proxy; the card's products read shared memory through another than the threads that gather write through.
    [Fact]
    public void Gathered_rows_are_fenced_between_their_barrier_and_the_products()
    {
        string text = Encoding.UTF8.GetString(KernelArchive.Read("sm_90a", GateUp + ".ptx"));
        int seen = 0;
        for (int products = text.IndexOf("wgmma.fence", StringComparison.Ordinal); products >= 0; products = text.IndexOf("wgmma.fence", products + 1, StringComparison.Ordinal), seen++)
        {
            int wait = text.LastIndexOf("mbarrier.try_wait", products, StringComparison.Ordinal);
            Assert.InRange(text.LastIndexOf("fence.proxy.async.shared::cta", products, StringComparison.Ordinal), wait, products);
        }

        // A loop for each number of steps.
        Assert.Equal(ExpertTiles.Rows / ExpertTiles.Step, seen);
    }

    private static int[] Plan(int[] rows) => Plan(rows, 0, 0, out _, out _, out _);

    // Entries lie across the experts; those in front of the first expert and behind the last are not here.
    private static int[] Plan(int[] rows, int firstExpert, int sharedRows, out int[] entries, out int[] places, out int[] behind)
    {
        entries = Entries(rows, firstExpert);
        places = [.. Enumerable.Repeat(-7, entries.Length)];
        behind = [.. Enumerable.Repeat(-7, entries.Length + sharedRows)];
        int all = rows.Length + Math.Min(sharedRows, 1);
        int[] plan = [.. Enumerable.Repeat(-1, checked((int)ExpertTiles.MostEntries(behind.Length, all)) * ExpertTiles.Columns)];
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsLate = true };
        using var memory = new GuardedMemory(DeviceKernelSet.Create(stream));
        Tensor experts = memory.New("experts", new Shape(entries.Length, 1), entries), placed = memory.New("places", experts.Shape, places);
        Tensor order = memory.New("rows", new Shape(behind.Length), behind), tiles = memory.New("plan", new Shape(plan.Length / ExpertTiles.Columns, ExpertTiles.Columns), plan);
        if (all - Math.Min(sharedRows, 1) <= 256)
        {
            ExpertsOrderFewLauncher.Launch(stream, experts, placed, order, tiles, all, firstExpert, sharedRows, ExpertsOrder.Groups);
        }
        else
        {
            ExpertsOrderManyLauncher.Launch(stream, experts, placed, order, tiles, all, firstExpert, sharedRows, ExpertsOrder.Groups);
        }

        Assert.Null(memory.Fault());
        (places, behind) = (placed.AsSpan<int>().ToArray(), order.AsSpan<int>().ToArray());
        return tiles.AsSpan<int>().ToArray();
    }

    private static int[] Entries(int[] rows, int firstExpert)
    {
        int[] left = [.. rows], entries = [.. Enumerable.Repeat(-1, rows.Sum() * (firstExpert > 0 ? 5 : 4) / 4)];
        for (int i = 0, expert = 0; i < entries.Length; i++)
        {
            if (firstExpert > 0 && i % 17 < 3 || left.Sum() == 0)
            {
                entries[i] = i % 2 == 0 ? firstExpert - 1 : firstExpert + rows.Length;
                continue;
            }

            do
            {
                expert = (expert + 1) % rows.Length;
            }
            while (left[expert] == 0);
            left[expert]--;
            entries[i] = firstExpert + expert;
        }

        return entries;
    }

    // The same by the same functions; the model takes seconds over hundreds of groups.
    private static int[] Planned(int[] rows)
    {
        int[] order = [.. Enumerable.Range(0, rows.Length)];
        Array.Sort(order, (a, b) => ExpertTiles.IsBefore(rows[a], a, rows[b], b) ? -1 : a == b ? 0 : 1);
        var plan = new List<int> { rows.Sum(ExpertTiles.Count), 0, 0, 0 };
        foreach (int expert in order)
        {
            int first = (plan.Count / ExpertTiles.Columns) - 1;
            for (int i = 0; i < ExpertTiles.Count(rows[expert]); i++)
            {
                plan.AddRange([first, expert, rows[..expert].Sum(), rows[expert]]);
            }
        }

        return [.. plan];
    }

    private static int[] Random(int rows, int experts)
    {
        var random = new Random(rows + experts);
        var counts = new int[experts];
        int[] all = [.. Enumerable.Range(0, experts)];
        for (int row = 0; row < rows; row++)
        {
            for (int k = 0; k < 8; k++)
            {
                int other = random.Next(k, experts);
                (all[k], all[other]) = (all[other], all[k]);
                counts[all[k]]++;
            }
        }

        return counts;
    }

    private static float[][] Outputs(SelfCase test, KernelSet kernels)
    {
        using var memory = new GuardedMemory(kernels) { IsAligned = test.IsAligned };
        Tensor[] outputs = test.Run(kernels, memory);
        Assert.Null(memory.Fault());
        return [.. outputs.Select(t => t.Type == DType.I32 ? [.. t.AsSpan<int>().ToArray().Select(i => (float)i)] : t.AsSpan<float>().ToArray())];
    }
}
