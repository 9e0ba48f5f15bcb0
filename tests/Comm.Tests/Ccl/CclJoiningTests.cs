using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>Ranks whose joining comes to nothing leave what they have joined, whenever the library lets them.</summary>
[Collection(nameof(StandInDevices))]
public sealed class CclJoiningTests
{
    private static readonly ParallelLayout s_pair = new(tensor: 2, data: 1, expert: false);
    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 2, expert: false);

    [Fact]
    public void A_group_that_is_complete_after_a_rank_has_given_up_is_left_by_it()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        _ = all.Aborts();
        byte[] id = all.Library.NewId();
        using (var devices = new Devices(all, s_pair))
        {
            var early = Assert.Throws<MachineException>(() => new CclJoining(all.Library, s_pair, TimeSpan.FromSeconds(1)).Join(0, devices[0], 0, _ => id, static () => null));
            Assert.Matches(@"^rank 0 waited 1 s for the other ranks of world \{0, 1\} to join by ", early.Message);
            CclGroup?[] late = new CclJoining(all.Library, s_pair, CclWorld.JoinLimit).Join(1, devices[1], 1, _ => id, static () => null);
            Until(all, 1);
            Leave(late);
        }

        Assert.Empty(all.Report());
    }

    [Fact]
    public void After_a_fault_groups_that_were_joined_are_left_while_the_library_waits_for_more()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        _ = all.Aborts();
        Dictionary<string, byte[]> ids = new(StringComparer.Ordinal);
        string? fault = null;
        using ManualResetEventSlim stands = new();
        using var came = new CountdownEvent(3);
        using (var devices = new Devices(all, s_layout))
        {
            // Rank 1 comes to the world, and to no more before the fault; ranks 2 and 3 come as far as where they wait for 0 and 1.
            Thread[] ranks = [.. Enumerable.Range(0, s_layout.Ranks).Select(rank => new Thread(() => Assert.Equal("enough", Assert.Throws<MachineException>(
                () => new CclJoining(all.Library, s_layout, CclWorld.JoinLimit).Join(rank, devices[rank], rank, group => Id(rank, group), () => Volatile.Read(ref fault))).Message)))];
            foreach (Thread rank in ranks)
            {
                rank.Start();
            }

            Assert.True(came.Wait(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
            Volatile.Write(ref fault, "enough");
            foreach (Thread rank in ranks)
            {
                rank.Join();
            }

            // All have left the world, ranks 2 and 3 their pair too where they had it.
            int left = Until(all, s_layout.Ranks);
            stands.Set();

            // Those that the library keeps in the third kind come out when somebody joins in the others' place.
            CclGroup?[] instead = [.. Enumerable.Range(0, 2).Select(rank => Instead(rank, devices[rank]))];
            Until(all, (3 * s_layout.Ranks) - 2 - left);
            Leave(instead);
        }

        Assert.Empty(all.Report());

        byte[] Id(int rank, RankGroup group)
        {
            if (rank == (group.Kind == GroupKind.Tensor ? 1 : group.Kind == GroupKind.Data ? rank | 2 : -1))
            {
                _ = !came.IsSet && came.Signal();
            }

            if (rank == 1 && group.Kind == GroupKind.Tensor)
            {
                stands.Wait();
            }

            lock (ids)
            {
                return ids.TryGetValue(group.ToString()!, out byte[]? known) ? known : ids[group.ToString()!] = all.Library.NewId();
            }
        }

        CclGroup Instead(int rank, StandInDevice device)
        {
            RankGroup group = s_layout.Group(GroupKind.Data, rank);
            device.Enter();
            return all.Library.Join(Id(rank, group), group.Size, group.Place, rank, device.Stream);
        }
    }

    // Leaving takes its time on threads of its own.
    private static int Until(StandInDevices all, int aborts)
    {
        int seen = 0;
        for (int i = 0; (seen += all.Aborts()) < aborts; i++)
        {
            Assert.True(i < 6000, $"{seen} of {aborts} groups were left in a minute");
            Thread.Sleep(10);
        }

        return seen;
    }

    private static void Leave(CclGroup?[] groups)
    {
        foreach (CclGroup group in groups.OfType<CclGroup>().Distinct())
        {
            group.Dispose();
        }
    }

    private sealed class Devices(StandInDevices all, ParallelLayout layout) : IDisposable
    {
        private readonly StandInDevice[] _devices = [.. Enumerable.Range(0, layout.Ranks).Select(rank => new StandInDevice(all, layout, rank))];

        public StandInDevice this[int rank] => _devices[rank];

        public void Dispose()
        {
            foreach (StandInDevice device in _devices)
            {
                device.Dispose();
            }
        }
    }
}
