using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Devices that are connected for exchanges, on a stand-in for the driver that checks every call and runs no kernel.</summary>
public sealed class PeerExchangeTests : IDisposable
{
    private readonly CudaDevice _first = CudaStandIn.Open();
    private readonly string _before = CudaStandIn.Wrongs();

    public void Dispose()
    {
        _first.Dispose();
        Assert.Equal(_before, CudaStandIn.Wrongs());
    }

    [Fact]
    public void Ranks_queue_exchanges_on_their_own_devices_and_capture_them()
    {
        using IDisposable cards = CudaStandIn.Fault("cards:3");
        CudaDevice[] devices = [.. Enumerable.Range(0, 3).Select(CudaDevices.Open)];
        using (var exchange = new PeerExchange(devices, 5000))
        {
            Assert.Equal((3, 6144L), (exchange.Ranks, exchange[2].MostNumbers));
            for (int r = 0; r < exchange.Ranks; r++)
            {
                using var stream = (CudaStream)devices[r].CreateStream(profile: false);
                using IDeviceBuffer buffer = devices[r].Allocate(4 * 2048 * sizeof(float));
                using var count = new StreamCount(devices[r]);
                Tensor all = buffer.View(DType.F32, new Shape(4, 2048)), one = all.Rows(0, 1), weight = all.Slice(3);
                Assert.True(exchange[r].TrySum(stream, all.Rows(0, 3)));
                Assert.True(exchange[r].TrySumNorm(stream, one, all.Rows(1, 1), weight, 1e-6f, all.Rows(2, 1)));
                using KernelGraph graph = stream.Capture(() =>
                {
                    Assert.True(exchange[r].TrySum(stream, one, count));
                    Assert.True(exchange[r].TrySumNorm(stream, one, all.Rows(1, 1), weight, 1e-6f, all.Rows(2, 1), count: count));
                });
                graph.Launch();
                stream.Synchronize();
                Assert.Equal((4, 0), (stream.Launches, count.Value));
            }

            exchange.Abort();
        }

        Array.ForEach(devices, static d => d.Dispose());
    }

    // A group waits for each channel, so there are no more than multiprocessors.
    [Fact]
    public void No_exchange_is_larger_than_what_a_device_runs_at_once()
    {
        using IDisposable cards = CudaStandIn.Fault("cards:2");
        using CudaDevice second = CudaDevices.Open(1);
        using var exchange = new PeerExchange([_first, second], 1 << 24);
        Assert.Equal(132 * 2048, exchange[0].MostNumbers);
    }

    [Fact]
    public void Devices_that_cannot_be_connected_are_told_in_a_sentence()
    {
        Assert.Equal("an exchange through peers' memory takes 2 to 8 devices, not 1", PeerExchange.WhyUnavailable([_first]));
        Assert.Equal("cuda:0 is two ranks of one exchange: its kernels might wait for each other without running at once", PeerExchange.WhyUnavailable([_first, _first]));
        using IDisposable cards = CudaStandIn.Fault("cards:2:apart");
        using CudaDevice second = CudaDevices.Open(1);
        const string Apart = "cuda:0 does not reach the memory of cuda:1: no NVLink, and no peer access over PCIe";
        Assert.Equal(Apart, PeerExchange.WhyUnavailable([_first, second]));
        Assert.Equal(Apart, Assert.Throws<MachineException>(() => new PeerExchange([_first, second])).Message);
        Assert.Equal("cuda:0 failed to reach the memory of cuda:1: the devices cannot use each other's memory (CUDA error 217)", Assert.Throws<MachineException>(() => _first.Reach(second)).Message);
    }
}
